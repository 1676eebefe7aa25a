//! What every way of releasing shares: task sets, traffic, and how a release behaves.

use serde_json::Value;

use super::balancer::{self, Forward, Purpose};
use super::ecs::Service;
use super::image::{self, Behaviour, Conduct};
use super::task_set::{BlueGreen, Group, Line, TaskSet};
use super::traffic::{Distribution, Flow};
use super::{TaskDefinition, World};

/// A target group, whoever uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetGroup<'a> {
    /// Name.
    pub(crate) name: &'a str,
    /// Its ARN.
    pub(crate) arn: String,
    /// The service behind it.
    pub(crate) service: &'a str,
}

/// What a new task set is to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewSet {
    /// `ecs-svc/` and 19 digits; `None`: drawn.
    pub(crate) id: Option<String>,
    /// Task definition ARN.
    pub(crate) task_definition: String,
    /// Target group ARN.
    pub(crate) group: String,
    /// Percent of the desired count.
    pub(crate) scale: f64,
    /// What its creator calls it.
    pub(crate) external_id: Option<String>,
    /// Makes its creation idempotent.
    pub(crate) client_token: Option<String>,
    /// Who created it, as ECS says it.
    pub(crate) started_by: Option<String>,
}

impl World {
    /// A blue/green service and its state.
    pub(crate) fn blue_green(&self, name: &str) -> Option<(&Service, &BlueGreen)> {
        let service = self.services.get(name)?;
        Some((service, service.blue_green.as_deref()?))
    }

    /// The changeable state of a blue/green service.
    pub(crate) fn blue_green_mut(&mut self, name: &str) -> Option<&mut BlueGreen> {
        self.services.get_mut(name)?.blue_green.as_deref_mut()
    }

    /// The task definition of that ARN.
    pub(crate) fn definition(&self, arn: &str) -> Option<&TaskDefinition> {
        let wanted = arn.rsplit('/').next().unwrap_or(arn);
        self.task_definitions.iter().find(|each| format!("{}:{}", each.family, each.revision) == wanted)
    }

    /// Every target group of the load balancer.
    pub(crate) fn target_groups(&self) -> Vec<TargetGroup<'_>> {
        let mut groups = Vec::new();
        for service in self.services.values() {
            let Some(state) = &service.blue_green else {
                let arn = self.target_group_arn(service);
                groups.push(TargetGroup { name: &service.target_group, arn, service: &service.name });
                continue;
            };
            for Group { name, arn, .. } in &state.groups {
                groups.push(TargetGroup { name, arn: arn.clone(), service: &service.name });
            }
        }
        groups
    }

    /// Creates a task set; its id, or `None` when there is no such blue/green service.
    pub(crate) fn create_set(&mut self, service: &str, new: NewSet) -> Option<String> {
        let now_ms = self.now_ms;
        let image = self.definition(&new.task_definition).map(|definition| definition.image.clone());
        let refusal = self.start_refusal(&new.task_definition);
        let state = self.blue_green_mut(service)?;
        let id = new.id.unwrap_or_else(|| format!("ecs-svc/{}", state.generator.digits(19)));
        state.sets.push(TaskSet {
            id: id.clone(),
            status: if state.primary().is_some() { "ACTIVE" } else { "PRIMARY" },
            task_definition: new.task_definition,
            image: image.unwrap_or_default(),
            refusal,
            external_id: new.external_id,
            client_token: new.client_token,
            started_by: new.started_by,
            group: new.group,
            scale: new.scale,
            created_ms: now_ms,
            updated_ms: now_ms,
            stable_ms: None,
            failed_tasks: 0,
            not_before_ms: now_ms,
            conduct: Conduct::default(),
            pace: 1.0,
            luck: 1.0,
            backlog: 0.0,
            flow: Flow::default(),
            distribution: Distribution::default(),
        });
        Some(id)
    }

    /// Lets what an abandoned release left in a target group drain and go.
    pub(super) fn clear_group(&mut self, service: &str, group: &str) {
        let now_ms = self.now_ms;
        let Some(state) = self.blue_green_mut(service) else { return };
        let left = state.sets.iter().filter(|set| set.status == "ACTIVE" && set.group == group);
        for id in left.map(|set| set.id.clone()).collect::<Vec<_>>() {
            state.retire(&id, now_ms);
        }
    }

    /// Why no task of this definition can start: an image, secret or parameter that is not there.
    fn start_refusal(&self, definition: &str) -> Option<String> {
        let definition = self.definition(definition)?;
        if self.images.resolve(&definition.image).is_none() {
            return Some(format!(
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {}: \
                 not found",
                definition.image
            ));
        }
        let containers = definition.document.as_ref().and_then(|document| document["containerDefinitions"].as_array());
        let secrets = containers.into_iter().flatten().filter_map(|container| container["secrets"].as_array());
        let references = secrets.flatten().filter_map(|secret| secret["valueFrom"].as_str());
        references.into_iter().find(|reference| !self.has_reference(reference)).map(|reference| {
            format!(
                "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from \
                 asm or ssm: resource not found: {reference}"
            )
        })
    }

    /// Whether a secret's or parameter's name or ARN names something that is there.
    fn has_reference(&self, reference: &str) -> bool {
        if reference.contains(":secretsmanager:") {
            let name = reference.rsplit(":secret:").next().unwrap_or_default();
            // A key within the secret may follow.
            let name = name.split(':').next().unwrap_or_default();
            return self.secrets.iter().any(|(own, secret)| name == own || name == format!("{own}-{}", secret.suffix));
        }
        let name = reference.rsplit(":parameter").next().unwrap_or(reference);
        self.parameters.contains_key(name) || self.parameters.contains_key(name.trim_start_matches('/'))
    }

    /// Sends a listener's requests to these groups.
    pub(super) fn route(&mut self, service: &str, purpose: Purpose, forward: Forward) {
        let found = |listener: &&mut balancer::Listener| listener.service == service && listener.purpose == purpose;
        if let Some(listener) = self.listeners.iter_mut().find(found) {
            listener.set_forward(forward);
        }
    }

    /// Percent of a listener's requests that a target group gets.
    pub(crate) fn weight(&self, service: &str, purpose: Purpose, group: &str) -> f64 {
        balancer::share_of(balancer::find(&self.listeners, service, purpose), group) * 100.0
    }

    /// Writes what containers said to the log groups of their services.
    pub(super) fn write(&mut self, lines: Vec<Line>) {
        for (set, task, text) in lines {
            let holds = |service: &&Service| service.blue_green.as_ref().is_some_and(|state| state.set(&set).is_some());
            let Some(service) = self.services.values().find(holds) else { continue };
            let stream = format!("{0}/{0}/{task}", service.name);
            let group = format!("/ecs/production/{}", service.name);
            if let Some(group) = self.log_groups.get_mut(&group) {
                group.write(self.now_ms, stream, text);
            }
        }
    }

    /// Decides how the image of that reference (`orders:v2`) behaves, pushing it when ECR does not have it; returns
    /// the image as task definitions name it.
    pub(crate) fn set_release(
        &mut self,
        reference: &str,
        behaviour: Behaviour,
        amount: Option<f64>,
    ) -> Result<String, String> {
        let (repository, tag) = image::parse(reference);
        if self.images.images(repository).is_none() {
            let known = self.images.names().join(", ");
            return Err(format!("image: there is no repository '{repository}'; the repositories are {known}"));
        }
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if tag.is_empty() || tag.len() > 128 || !tag.bytes().all(valid) {
            return Err("image: give repository:tag, the tag of letters, digits, '.', '_' and '-'".to_owned());
        }
        self.images.push(repository, tag, self.now_ms, Conduct::new(behaviour, amount)?);
        Ok(format!("{}.dkr.ecr.{}.amazonaws.com/{repository}:{tag}", self.place.account, self.place.region))
    }

    /// Registers a task definition from the API's form; returns its ARN. The caller has checked the document.
    pub(crate) fn register(&mut self, family: &str, document: Value) -> String {
        let of_family = self.task_definitions.iter().filter(|definition| definition.family == family);
        let revision = of_family.map(|definition| definition.revision).max().unwrap_or(0) + 1;
        let image = document["containerDefinitions"][0]["image"].as_str().unwrap_or_default().to_owned();
        let (family, registered_ms) = (family.to_owned(), self.now_ms);
        let arn = self.place.arn("ecs", &format!("task-definition/{family}:{revision}"));
        self.task_definitions.push(TaskDefinition { family, revision, image, registered_ms, document: Some(document) });
        arn
    }
}

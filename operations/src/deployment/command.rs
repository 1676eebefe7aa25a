//! The calls of a release, typed: each as it stands in a plan and as it is sent.

use crate::call::Call;
use crate::catalogue::Deployment;
use crate::error::{Error, Kind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// The one dimension in which services scale.
const DIMENSION: &str = "ecs:service:DesiredCount";

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `application-autoscaling:RegisterScalableTarget`: what autoscaling may do.
    Suspend(RegisterScalableTarget),
    /// `ecs:CreateTaskSet`.
    Create(CreateTaskSet),
    /// `elasticloadbalancing:ModifyRule` or `ModifyListener`: where requests go.
    Forward(Forward),
    /// `ecs:UpdateTaskSet`: how large a task set is.
    Scale(UpdateTaskSet),
    /// `ecs:UpdateService`: how many tasks the service wants.
    Desire(UpdateService),
    /// `ecs:UpdateServicePrimaryTaskSet`.
    Promote(UpdatePrimary),
    /// `ecs:DeleteTaskSet`.
    Delete(DeleteTaskSet),
}

/// `RegisterScalableTarget`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RegisterScalableTarget {
    /// `ecs`.
    pub service_namespace: String,
    /// `service/<cluster>/<service>`.
    pub resource_id: String,
    /// `ecs:service:DesiredCount`.
    pub scalable_dimension: String,
    /// What is suspended from now on.
    pub suspended_state: Suspended,
}

/// What autoscaling may not do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Suspended {
    /// Take tasks away by a policy.
    pub dynamic_scaling_in_suspended: bool,
    /// Add tasks by a policy.
    pub dynamic_scaling_out_suspended: bool,
    /// Do either by a schedule.
    pub scheduled_scaling_suspended: bool,
}

impl Suspended {
    /// The same, and tasks may not be taken away by a policy: what a release makes of it.
    pub fn frozen(self) -> Self {
        Self { dynamic_scaling_in_suspended: true, ..self }
    }
}

/// `CreateTaskSet`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateTaskSet {
    /// The cluster.
    pub cluster: String,
    /// The service.
    pub service: String,
    /// The new revision.
    pub task_definition: String,
    /// The deployment's id, by which the task set is found again.
    pub external_id: String,
    /// What ECS recognises a repeated call by: at most 36 characters.
    pub client_token: String,
    /// How tasks are placed and reached.
    #[serde(flatten)]
    pub template: Template,
    /// The size.
    pub scale: Scale,
}

/// What two task sets of a service have in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// `FARGATE`, `EC2` or `EXTERNAL`; absent with capacity providers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<String>,
    /// The capacity providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacity_provider_strategy: Vec<CapacityProvider>,
    /// The platform version of Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// Subnets and security groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_configuration: Option<Network>,
    /// Where tasks are registered.
    pub load_balancers: Vec<LoadBalancer>,
}

/// An item of `capacityProviderStrategy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapacityProvider {
    /// Its name.
    pub capacity_provider: String,
    /// Its share.
    pub weight: i32,
    /// How many tasks it has at least.
    pub base: i32,
}

/// `networkConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// `awsvpcConfiguration`.
    pub awsvpc_configuration: Awsvpc,
}

/// `awsvpcConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Awsvpc {
    /// The subnets.
    pub subnets: Vec<String>,
    /// The security groups.
    pub security_groups: Vec<String>,
    /// `ENABLED` or `DISABLED`.
    pub assign_public_ip: String,
}

/// An item of `loadBalancers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancer {
    /// The target group.
    pub target_group_arn: String,
    /// The container that answers.
    pub container_name: String,
    /// Its port.
    pub container_port: i32,
}

/// A size in percent of the service's desired count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scale {
    /// 0 to 100.
    #[serde(serialize_with = "whole")]
    pub value: f64,
    /// `PERCENT`.
    pub unit: String,
}

/// Whole percents are written as whole numbers.
fn whole<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 { serializer.serialize_i64(*value as i64) } else { serializer.serialize_f64(*value) }
}

impl Scale {
    /// A size in percent.
    pub fn percent(value: f64) -> Self {
        Self { value, unit: "PERCENT".to_owned() }
    }
}

/// Where a listener or a rule sends requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The ARN of the listener or rule.
    pub arn: String,
    /// Target groups and their weights, in order.
    pub weights: Vec<(String, u32)>,
    /// For how many seconds clients stay with a target group.
    pub stickiness_seconds: Option<u32>,
}

impl Forward {
    /// Whether it is a rule's; else it is a listener's default action.
    pub fn is_rule(&self) -> bool {
        self.arn.contains(":listener-rule/")
    }

    /// The weight of a target group.
    pub fn weight(&self, group: &str) -> u32 {
        self.weights.iter().filter(|(name, _)| name == group).map(|(_, weight)| weight).sum()
    }
}

/// `UpdateTaskSet`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateTaskSet {
    /// The cluster.
    pub cluster: String,
    /// The service.
    pub service: String,
    /// The task set's id.
    pub task_set: String,
    /// The size.
    pub scale: Scale,
}

/// `UpdateService`, as far as a release uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateService {
    /// The cluster.
    pub cluster: String,
    /// The service.
    pub service: String,
    /// How many tasks it wants.
    pub desired_count: u32,
}

/// `UpdateServicePrimaryTaskSet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdatePrimary {
    /// The cluster.
    pub cluster: String,
    /// The service.
    pub service: String,
    /// The task set's id.
    pub primary_task_set: String,
}

/// `DeleteTaskSet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteTaskSet {
    /// The cluster.
    pub cluster: String,
    /// The service.
    pub service: String,
    /// The task set's id.
    pub task_set: String,
    /// Whether it is deleted although it still has tasks; they drain.
    pub force: bool,
}

/// `Actions` and `DefaultActions` of the load balancer's API.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Action {
    r#type: String,
    forward_config: ForwardConfig,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ForwardConfig {
    target_groups: Vec<Weight>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_group_stickiness_config: Option<Stickiness>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Weight {
    target_group_arn: String,
    weight: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Stickiness {
    enabled: bool,
    duration_seconds: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ModifyRule {
    rule_arn: String,
    actions: Vec<Action>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ModifyListener {
    listener_arn: String,
    default_actions: Vec<Action>,
}

impl Command {
    /// The call as a plan lists it.
    pub fn call(&self) -> Call {
        match self {
            Command::Suspend(it) => Call::new("application-autoscaling", "RegisterScalableTarget", json(it)),
            Command::Create(it) => Call::new("ecs", "CreateTaskSet", json(it)),
            Command::Forward(it) => forward_call(it),
            Command::Scale(it) => Call::new("ecs", "UpdateTaskSet", json(it)),
            Command::Desire(it) => Call::new("ecs", "UpdateService", json(it)),
            Command::Promote(it) => Call::new("ecs", "UpdateServicePrimaryTaskSet", json(it)),
            Command::Delete(it) => Call::new("ecs", "DeleteTaskSet", json(it)),
        }
    }

    /// Reads a call of a plan, under `path`.
    ///
    /// # Errors
    /// `Ops.InvalidInput` when a release does not send that, or not to this target.
    pub fn of_call(call: &Call, path: &str, own: &Own<'_>) -> Result<Self, Error> {
        let wrong = |problem: String| Error::new(Kind::InvalidInput, format!("{path} {problem}: plan again"));
        let command = match call.to_string().as_str() {
            "application-autoscaling:RegisterScalableTarget" => Command::Suspend(read(call, path)?),
            "ecs:CreateTaskSet" => Command::Create(read(call, path)?),
            "elasticloadbalancing:ModifyRule" => {
                let ModifyRule { rule_arn, actions } = read(call, path)?;
                Command::Forward(forward(rule_arn, actions).ok_or_else(|| wrong("must be one forward".to_owned()))?)
            }
            "elasticloadbalancing:ModifyListener" => {
                let ModifyListener { listener_arn, default_actions } = read(call, path)?;
                let read = forward(listener_arn, default_actions);
                Command::Forward(read.ok_or_else(|| wrong("must be one forward".to_owned()))?)
            }
            "ecs:UpdateTaskSet" => Command::Scale(read(call, path)?),
            "ecs:UpdateService" => Command::Desire(read(call, path)?),
            "ecs:UpdateServicePrimaryTaskSet" => Command::Promote(read(call, path)?),
            "ecs:DeleteTaskSet" => Command::Delete(read(call, path)?),
            other => return Err(wrong(format!("is {other}, which no release sends"))),
        };
        own.check(&command).map_err(wrong)?;
        // What serialises differently has something that would not be sent.
        if !same(&command.call().parameters, &call.parameters) {
            return Err(wrong(format!("has parameters that {call} may not carry")));
        }
        Ok(command)
    }
}

/// What belongs to the target of a release.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// The service.
    pub service: &'a str,
    /// The scalable target's resource id.
    pub resource_id: &'a str,
    /// The listeners and target groups.
    pub deployment: &'a Deployment,
}

impl Own<'_> {
    /// The listener or rule of production traffic.
    pub fn production(&self) -> &str {
        self.deployment.production_rule_arn.as_deref().unwrap_or(&self.deployment.production_listener_arn)
    }

    fn check(&self, command: &Command) -> Result<(), String> {
        let here = |cluster: &str, service: &str| {
            let own = cluster == self.cluster && service == self.service;
            own.then_some(()).ok_or_else(|| format!("must be of service {} in cluster {}", self.service, self.cluster))
        };
        match command {
            Command::Suspend(it) => {
                let own = it.resource_id == self.resource_id
                    && it.service_namespace == "ecs"
                    && it.scalable_dimension == DIMENSION;
                own.then_some(()).ok_or_else(|| format!("must be of {}, scaled by {DIMENSION}", self.resource_id))
            }
            Command::Create(it) => {
                here(&it.cluster, &it.service)?;
                let groups = it.template.load_balancers.iter().map(|balancer| balancer.target_group_arn.as_str());
                self.groups(groups)
            }
            Command::Forward(it) => {
                if it.arn != self.production() && it.arn != self.deployment.test_listener_arn {
                    return Err(format!("must change {} or {}", self.production(), self.deployment.test_listener_arn));
                }
                self.groups(it.weights.iter().map(|(group, _)| group.as_str()))
            }
            Command::Scale(it) => here(&it.cluster, &it.service),
            Command::Desire(it) => here(&it.cluster, &it.service),
            Command::Promote(it) => here(&it.cluster, &it.service),
            Command::Delete(it) => here(&it.cluster, &it.service),
        }
    }

    fn groups<'a>(&self, mut groups: impl Iterator<Item = &'a str>) -> Result<(), String> {
        match groups.find(|group| self.deployment.other_group(group).is_none()) {
            Some(group) => Err(format!("must send to the two target groups of the entry, not to {group}")),
            None => Ok(()),
        }
    }
}

/// A `RegisterScalableTarget` that changes nothing but what is suspended.
pub(super) fn suspend(resource_id: &str, suspended_state: Suspended) -> Command {
    Command::Suspend(RegisterScalableTarget {
        service_namespace: "ecs".to_owned(),
        resource_id: resource_id.to_owned(),
        scalable_dimension: DIMENSION.to_owned(),
        suspended_state,
    })
}

fn json(parameters: &impl Serialize) -> Value {
    serde_json::to_value(parameters).unwrap_or(Value::Null)
}

/// Whether two values are equal; expressions of a definition turn `100` into `100.0`.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

fn read<T: DeserializeOwned>(call: &Call, path: &str) -> Result<T, Error> {
    T::deserialize(&call.parameters).map_err(|problem| {
        Error::new(Kind::InvalidInput, format!("{path}.parameters of {call}: {problem}: plan again"))
    })
}

fn forward_call(forward: &Forward) -> Call {
    let weight = |(group, weight): &(String, u32)| Weight { target_group_arn: group.clone(), weight: *weight };
    let stickiness = |seconds| Stickiness { enabled: true, duration_seconds: seconds };
    let config = ForwardConfig {
        target_groups: forward.weights.iter().map(weight).collect(),
        target_group_stickiness_config: forward.stickiness_seconds.map(stickiness),
    };
    let actions = vec![Action { r#type: "forward".to_owned(), forward_config: config }];
    let arn = forward.arn.clone();
    if forward.is_rule() {
        Call::new("elasticloadbalancing", "ModifyRule", json(&ModifyRule { rule_arn: arn, actions }))
    } else {
        let listener = ModifyListener { listener_arn: arn, default_actions: actions };
        Call::new("elasticloadbalancing", "ModifyListener", json(&listener))
    }
}

fn forward(arn: String, actions: Vec<Action>) -> Option<Forward> {
    let mut actions = actions.into_iter();
    let (Some(Action { r#type, forward_config }), None) = (actions.next(), actions.next()) else { return None };
    let weights = forward_config.target_groups.into_iter().map(|item| (item.target_group_arn, item.weight));
    let stickiness = forward_config.target_group_stickiness_config;
    (r#type == "forward").then(|| Forward {
        arn,
        weights: weights.collect(),
        stickiness_seconds: stickiness.filter(|it| it.enabled).map(|it| it.duration_seconds),
    })
}

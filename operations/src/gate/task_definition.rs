//! A task definition, and what it names that must exist before tasks can start.

use super::quota;
use super::reference::{Image, Reference, ReferenceKind};
use std::collections::BTreeSet;

/// A task definition as far as a gate reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskDefinition {
    /// Its ARN.
    pub arn: String,
    /// CPU units per task; absent when containers have their own.
    pub cpu: Option<u32>,
    /// Memory per task in MiB.
    pub memory: Option<u32>,
    /// Whether its tasks run on Fargate.
    pub fargate: bool,
    /// `X86_64` or `ARM64`.
    pub architecture: String,
    /// The ARNs of its task and execution roles.
    pub roles: Vec<String>,
    /// Its containers.
    pub containers: Vec<ContainerDefinition>,
}

/// A container of a task definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerDefinition {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Whether the task stops with it.
    pub essential: bool,
    /// `valueFrom` of its secrets, and the credentials of its registry.
    pub secrets: Vec<String>,
    /// The log group that must exist; absent when there is none or the log driver creates it.
    pub log_group: Option<String>,
    /// Whether it has a health check of its own.
    pub health_check: bool,
}

impl TaskDefinition {
    /// The image of the first essential container.
    pub fn image(&self) -> Option<&str> {
        let essential = self.containers.iter().find(|container| container.essential);
        essential.or(self.containers.first()).map(|container| container.image.as_str())
    }

    /// Everything it names, the subnets of its tasks, and on Fargate the quota that they count against, each once.
    /// `spot`: the service takes all its capacity from Fargate Spot.
    pub fn references(&self, subnets: &[String], spot: bool) -> Vec<Reference> {
        let mut found = BTreeSet::new();
        for container in &self.containers {
            found.insert((ReferenceKind::Image, container.image.clone()));
            found.extend(container.secrets.iter().map(|value| secret(value)));
            found.extend(container.log_group.iter().map(|group| (ReferenceKind::LogGroup, group.clone())));
        }
        let role = |arn: &String| (ReferenceKind::Role, arn.rsplit('/').next().unwrap_or(arn).to_owned());
        found.extend(self.roles.iter().map(role));
        found.extend(subnets.iter().map(|subnet| (ReferenceKind::Subnet, subnet.clone())));
        let code = if spot { quota::SPOT } else { quota::ON_DEMAND };
        found.extend(self.fargate.then(|| (ReferenceKind::Quota, code.to_owned())));
        // An image of another registry cannot be asked for there.
        let askable =
            |(kind, name): &(ReferenceKind, String)| *kind != ReferenceKind::Image || Image::parse(name).is_some();
        let reference = |(kind, name): (ReferenceKind, String)| Reference::new(kind, &name);
        found.into_iter().filter(askable).map(reference).collect()
    }
}

/// A `valueFrom`: the ARN of a secret, perhaps with a JSON key, a stage and a version behind it, or the name or ARN of
/// a parameter.
fn secret(value: &str) -> (ReferenceKind, String) {
    if value.contains(":secretsmanager:") {
        // arn:aws:secretsmanager:region:account:secret:name, then up to three more parts.
        let arn: Vec<_> = value.split(':').take(7).collect();
        return (ReferenceKind::Secret, arn.join(":"));
    }
    let name = value.split_once(":parameter/").map(|(_, name)| format!("/{name}"));
    (ReferenceKind::Parameter, name.unwrap_or_else(|| value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_named_once_in_the_form_its_api_wants() {
        let secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf:password::";
        let image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/orders:orders-88";
        let container = |name: &str, image: &str| ContainerDefinition {
            name: name.into(),
            image: image.into(),
            essential: true,
            secrets: vec![secret.into(), "/production/orders/flags".into()],
            log_group: Some("/ecs/orders".into()),
            ..ContainerDefinition::default()
        };
        let definition = TaskDefinition {
            roles: vec!["arn:aws:iam::123456789012:role/ops/orders-task".into()],
            containers: vec![container("app", image), container("proxy", "public.ecr.aws/envoy:v1")],
            fargate: true,
            ..TaskDefinition::default()
        };
        let names: Vec<_> = definition
            .references(&["subnet-1".into()], false)
            .into_iter()
            .map(|reference| (reference.kind.name(), reference.name))
            .collect();
        let owned = |kind, name: &str| (kind, name.to_owned());
        assert_eq!(
            names,
            [
                owned("image", image),
                owned("parameter", "/production/orders/flags"),
                owned("secret", "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"),
                owned("role", "orders-task"),
                owned("log-group", "/ecs/orders"),
                owned("subnet", "subnet-1"),
                owned("quota", "L-3032A538"),
            ]
        );
        let spot = definition.references(&[], true);
        assert_eq!(spot.last().map(|reference| reference.name.as_str()), Some("L-36FBB829"));
        let elsewhere = TaskDefinition { fargate: false, ..definition.clone() };
        assert!(elsewhere.references(&[], false).iter().all(|reference| reference.kind != ReferenceKind::Quota));
        assert_eq!(definition.image(), Some(image));
    }

    #[test]
    fn parameters_come_by_name_or_arn() {
        let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/production/flags";
        assert_eq!(super::secret(arn), (ReferenceKind::Parameter, "/production/flags".to_owned()));
        assert_eq!(super::secret("flags"), (ReferenceKind::Parameter, "flags".to_owned()));
    }
}

//! Task definitions.

use crate::DeploymentAssess;
use aws_sdk_ecs::types as ecs;
use clients::failure;
use operations::Error;
use operations::error::Kind;
use operations::gate::task_definition::{ContainerDefinition, TaskDefinition};

impl DeploymentAssess {
    pub(crate) async fn definition(&self, arn: &str) -> Result<TaskDefinition, Error> {
        let answer = self.ecs.describe_task_definition().task_definition(arn).send().await;
        let call = format!("ecs:DescribeTaskDefinition of {arn}");
        let answer = answer.map_err(|error| failure::of_sdk(&call, &error))?;
        let found = answer.task_definition().map(definition);
        found.ok_or_else(|| Error::new(Kind::ConfigInvalid, format!("{call}: there is no such task definition")))
    }
}

fn definition(found: &ecs::TaskDefinition) -> TaskDefinition {
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
    let architecture = found.runtime_platform().and_then(|platform| platform.cpu_architecture());
    let roles = [found.task_role_arn(), found.execution_role_arn()];
    TaskDefinition {
        arn: found.task_definition_arn().unwrap_or_default().to_owned(),
        cpu: number(found.cpu()),
        memory: number(found.memory()),
        fargate: found.requires_compatibilities().contains(&ecs::Compatibility::Fargate),
        architecture: architecture.map_or("X86_64", |architecture| architecture.as_str()).to_owned(),
        roles: roles.into_iter().flatten().map(str::to_owned).collect(),
        containers: found.container_definitions().iter().map(container).collect(),
    }
}

fn container(found: &ecs::ContainerDefinition) -> ContainerDefinition {
    let credentials = found.repository_credentials().map(|it| it.credentials_parameter().to_owned());
    let secrets = found.secrets().iter().map(|secret| secret.value_from().to_owned());
    ContainerDefinition {
        name: found.name().unwrap_or_default().to_owned(),
        image: found.image().unwrap_or_default().to_owned(),
        essential: found.essential().unwrap_or(true),
        secrets: secrets.chain(credentials).collect(),
        log_group: log_group(found),
        health_check: found.health_check().is_some(),
    }
}

/// The log group that has to be there already.
fn log_group(found: &ecs::ContainerDefinition) -> Option<String> {
    let logs = found.log_configuration().filter(|logs| *logs.log_driver() == ecs::LogDriver::Awslogs)?;
    let options = logs.options()?;
    let creates = options.get("awslogs-create-group").is_some_and(|value| value == "true");
    options.get("awslogs-group").filter(|_| !creates).cloned()
}

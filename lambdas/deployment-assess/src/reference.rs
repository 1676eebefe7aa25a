//! Which deployment a payload is about.

use operations::Error;
use operations::error::Kind;
use operations::field::Object;
use serde_json::Value;

/// A deployment, by whoever carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// CodeDeploy.
    CodeDeploy {
        /// Its id.
        id: String,
    },
    /// ECS's own controller.
    Ecs {
        /// The service deployment's ARN.
        arn: String,
        /// The new service revision's ARN, where the event named it.
        revision: Option<String>,
    },
    /// The orchestrated release.
    TaskSet {
        /// The new task definition.
        task_definition: String,
        /// The new task set, once it exists.
        green: Option<String>,
        /// The old task set; absent while it is the primary one.
        blue: Option<String>,
    },
}

impl Reference {
    pub(crate) fn parse(payload: &Value) -> Result<Self, Error> {
        let deployment = Object::of(payload, "", Kind::InvalidInput)?.object("deployment")?;
        let owned = |name: &str| deployment.optional_text(name).map(|text| text.map(str::to_owned));
        match deployment.text("kind")? {
            "codedeploy" => Ok(Self::CodeDeploy { id: deployment.text("deploymentId")?.to_owned() }),
            "ecs" => Ok(Self::Ecs {
                arn: deployment.text("serviceDeploymentArn")?.to_owned(),
                revision: owned("targetServiceRevisionArn")?,
            }),
            "task-set" => Ok(Self::TaskSet {
                task_definition: deployment.text("taskDefinition")?.to_owned(),
                green: owned("greenTaskSet")?,
                blue: owned("blueTaskSet")?,
            }),
            other => Err(deployment.error("kind", &format!("must be codedeploy, ecs or task-set, not {other:?}"))),
        }
    }

    /// Its id, for evidence.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::CodeDeploy { id } => id,
            Self::Ecs { arn, .. } => arn,
            Self::TaskSet { green, task_definition, .. } => green.as_ref().unwrap_or(task_definition),
        }
    }

    /// Where its state is read.
    pub(crate) fn source(&self) -> &'static str {
        match self {
            Self::CodeDeploy { .. } => "codedeploy:GetDeployment",
            Self::Ecs { .. } => "ecs:DescribeServiceDeployments",
            Self::TaskSet { .. } => "ecs:DescribeServices",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_has_its_fields() {
        let parsed = |deployment: Value| Reference::parse(&json!({"deployment": deployment}));
        assert_eq!(parsed(json!({"kind": "codedeploy", "deploymentId": "d-1"})).unwrap().id(), "d-1");
        let error = parsed(json!({"kind": "ecs"})).unwrap_err();
        assert_eq!(error.message(), "deployment.serviceDeploymentArn is missing: add it");
        let error = parsed(json!({"kind": "helm"})).unwrap_err();
        assert!(error.message().starts_with("deployment.kind must be codedeploy, ecs or task-set"), "{error}");
    }
}

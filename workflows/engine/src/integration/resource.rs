//! Resources of service integrations: `arn:aws:states:::[aws-sdk:]service:action[.pattern]`.

use std::sync::Arc;

use asl::Value;

use crate::aws::Service;

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// The service's answer.
    RequestResponse,
    /// `.sync`: the end of the job.
    Sync,
    /// `.sync:2`: the end of the job, its output as JSON.
    Sync2,
    /// `.waitForTaskToken`: the callback.
    Callback,
}

/// A service integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Integration<'a> {
    pub(crate) sdk: bool,
    pub(crate) service: &'a str,
    pub(crate) action: &'a str,
    pub(crate) pattern: Pattern,
}

impl<'a> Integration<'a> {
    /// What `resource` stands for, where it has the form of an integration.
    pub(crate) fn parse(resource: &'a str) -> Option<Self> {
        let rest = call(resource)?;
        let (rest, pattern) = if let Some(rest) = rest.strip_suffix(".sync:2") {
            (rest, Pattern::Sync2)
        } else if let Some(rest) = rest.strip_suffix(".sync") {
            (rest, Pattern::Sync)
        } else if let Some(rest) = rest.strip_suffix(".waitForTaskToken") {
            (rest, Pattern::Callback)
        } else {
            (rest, Pattern::RequestResponse)
        };
        let (sdk, rest) = rest.strip_prefix("aws-sdk:").map_or((false, rest), |rest| (true, rest));
        let (service, action) = rest.split_once(':')?;
        Some(Self { sdk, service, action, pattern })
    }

    /// Whether this engine performs it: what [`super::perform`] has a way for.
    fn is_performed(&self) -> bool {
        if self.sdk {
            return self.service == "sfn" || Service::find(self.service).is_some();
        }
        let here = ["lambda", "states", "dynamodb", "sqs", "sns", "events", "http"];
        here.contains(&self.service)
    }

    /// Whether AWS has it. Of SDK integrations only the form is known.
    fn exists(&self) -> bool {
        if self.sdk {
            let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let small = self.action.starts_with(|c: char| c.is_ascii_lowercase());
            let pattern = matches!(self.pattern, Pattern::RequestResponse | Pattern::Callback);
            return word(self.service) && word(self.action) && small && pattern;
        }
        let Some((_, callback, actions)) = OPTIMIZED.iter().find(|(service, ..)| *service == self.service) else {
            return false;
        };
        // A `+` marks an action with a job that `.sync` waits for.
        let plain = actions.contains(&self.action);
        let job = actions.iter().any(|action| action.strip_prefix('+') == Some(self.action));
        match self.pattern {
            Pattern::RequestResponse => plain || job,
            Pattern::Callback => *callback && (plain || job),
            Pattern::Sync => job,
            Pattern::Sync2 => job && self.service == "states",
        }
    }
}

/// The optimized integrations of AWS's developer guide: service, whether it has callbacks, actions.
const OPTIMIZED: [(&str, bool, &[&str]); 22] = [
    ("apigateway", true, &["invoke"]),
    ("athena", false, &["+startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults"]),
    ("batch", false, &["+submitJob"]),
    ("bedrock", true, &["invokeModel", "+createModelCustomizationJob"]),
    (
        "codebuild",
        false,
        &[
            "+startBuild",
            "stopBuild",
            "batchDeleteBuilds",
            "batchGetReports",
            "+startBuildBatch",
            "stopBuildBatch",
            "+retryBuildBatch",
            "deleteBuildBatch",
        ],
    ),
    ("databrew", false, &["+startJobRun"]),
    ("dynamodb", false, &["getItem", "putItem", "updateItem", "deleteItem"]),
    ("ecs", true, &["+runTask"]),
    (
        "eks",
        true,
        &[
            "call",
            "+runJob",
            "+createCluster",
            "+deleteCluster",
            "+createNodegroup",
            "+deleteNodegroup",
            "+createFargateProfile",
            "+deleteFargateProfile",
        ],
    ),
    (
        "elasticmapreduce",
        false,
        &[
            "+createCluster",
            "setClusterTerminationProtection",
            "+terminateCluster",
            "+addStep",
            "cancelStep",
            "modifyInstanceFleetByName",
            "modifyInstanceGroupByName",
        ],
    ),
    ("emr-containers", false, &["createVirtualCluster", "+deleteVirtualCluster", "+startJobRun"]),
    (
        "emr-serverless",
        false,
        &[
            "+createApplication",
            "+startApplication",
            "+stopApplication",
            "+deleteApplication",
            "+startJobRun",
            "+cancelJobRun",
        ],
    ),
    ("events", true, &["putEvents"]),
    ("glue", false, &["+startJobRun"]),
    ("http", false, &["invoke"]),
    ("lambda", true, &["invoke"]),
    ("mediaconvert", false, &["+createJob"]),
    (
        "sagemaker",
        false,
        &[
            "createEndpoint",
            "createEndpointConfig",
            "+createHyperParameterTuningJob",
            "+createLabelingJob",
            "createModel",
            "+createProcessingJob",
            "+createTrainingJob",
            "+createTransformJob",
            "updateEndpoint",
        ],
    ),
    ("sns", true, &["publish"]),
    ("sqs", true, &["sendMessage"]),
    ("states", true, &["+startExecution"]),
    ("ssm", false, &[]),
];

/// Whether a Task with this resource, which AWS has, fails here whenever it runs.
pub(crate) fn is_missing(resource: &str) -> bool {
    let integration = Integration::parse(resource).filter(|_| !resource.contains("${"));
    integration.is_some_and(|integration| integration.exists() && !integration.is_performed())
}

/// What an integration's ARN calls: `[aws-sdk:]service:action[.pattern]`. Region and account, which templates often fill
/// in, mean nothing.
fn call(resource: &str) -> Option<&str> {
    /// What else of Step Functions has an ARN.
    const OTHERS: [&str; 6] = ["activity", "stateMachine", "execution", "express", "mapRun", "alias"];
    let mut parts = resource.splitn(6, ':');
    let is_states = parts.next() == Some("arn") && parts.nth(1) == Some("states");
    let call = parts.nth(2).filter(|_| is_states)?;
    let kind = call.split(':').next().unwrap_or_default();
    (!OTHERS.contains(&kind)).then_some(call)
}

/// Whether a Task may name this resource: a function, an activity, or an integration that AWS has.
pub(crate) fn is_known(resource: &str) -> bool {
    // What is not an ARN at all has been reported already, and what has a placeholder cannot be judged.
    if !resource.starts_with("arn:") || resource.contains("${") {
        return true;
    }
    if call(resource).is_some() {
        return Integration::parse(resource).is_some_and(|integration| integration.exists());
    }
    let mut parts = resource.split(':').skip(2);
    let (service, kind) = (parts.next(), parts.nth(2));
    matches!((service, kind), (Some("lambda"), Some("function")) | (Some("states"), Some("activity")))
}

/// The child execution that a `.sync` task waits for, by the answer to its start.
pub(crate) fn child_of(resource: &str, answer: &Value) -> Option<Arc<str>> {
    let integration = Integration::parse(resource)?;
    let starts = !integration.sdk && (integration.service, integration.action) == ("states", "startExecution");
    let waits = matches!(integration.pattern, Pattern::Sync | Pattern::Sync2);
    (starts && waits).then(|| answer.get("ExecutionArn")?.as_str().map(Arc::from)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_taken_apart() {
        let parse = |resource| Integration::parse(resource).unwrap();
        let sync = parse("arn:aws:states:::states:startExecution.sync:2");
        assert_eq!(
            sync,
            Integration { sdk: false, service: "states", action: "startExecution", pattern: Pattern::Sync2 }
        );
        let sdk = parse("arn:aws:states:::aws-sdk:ecs:updateService.waitForTaskToken");
        assert_eq!(sdk, Integration { sdk: true, service: "ecs", action: "updateService", pattern: Pattern::Callback });
        assert_eq!(Integration::parse("arn:aws:lambda:us-east-1:1:function:f"), None);
    }

    #[test]
    fn what_aws_has_is_known() {
        let known = [
            "arn:aws:states:::lambda:invoke",
            "arn:aws:states:us-east-1:123456789012:aws-sdk:s3:getObject",
            "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "arn:aws:states:::states:startExecution.sync",
            "arn:aws:states:::dynamodb:getItem",
            "arn:aws:states:::glue:startJobRun.sync",
            "arn:aws:states:::aws-sdk:rds:describeDBInstances",
            "arn:aws:lambda:us-east-1:123456789012:function:f:1",
            "arn:aws:states:us-east-1:123456789012:activity:a",
            "${FunctionArn}",
            "arn:aws:states:::${Service}:x",
        ];
        for resource in known {
            assert!(is_known(resource), "{resource}");
        }
    }

    #[test]
    fn what_aws_does_not_have_is_not_known() {
        let unknown = [
            "arn:aws:states:::dynamodb:query",
            "arn:aws:states:::dynamodb:getItem.waitForTaskToken",
            "arn:aws:states:::lambda:invoke.sync",
            "arn:aws:states:::glue:startJobRun.sync:2",
            "arn:aws:states:::aws-sdk:ecs:UpdateService",
            "arn:aws:states:::aws-sdk:ecs:updateService.sync",
            "arn:aws:states:::nonsense",
            "arn:aws:states:us-east-1:123456789012:stateMachine:child",
            "arn:aws:states:us-east-1:123456789012:dynamodb:query",
            "arn:aws:sns:us-east-1:123456789012:topic",
        ];
        for resource in unknown {
            assert!(!is_known(resource), "{resource}");
        }
    }

    #[test]
    fn what_this_engine_cannot_do_is_missing() {
        for resource in ["arn:aws:states:::aws-sdk:s3:getObject", "arn:aws:states:::glue:startJobRun.sync"] {
            assert!(is_missing(resource), "{resource}");
        }
        for resource in [
            "arn:aws:states:::aws-sdk:sfn:startExecution",
            "arn:aws:states:::aws-sdk:ecs:updateService",
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "arn:aws:states:::dynamodb:query",
            "arn:aws:lambda:us-east-1:123456789012:function:f",
        ] {
            assert!(!is_missing(resource), "{resource}");
        }
    }

    #[test]
    fn only_a_sync_start_has_a_child() {
        let answer = Value::object([("ExecutionArn", Value::from("arn:child"))]);
        assert_eq!(child_of("arn:aws:states:::states:startExecution.sync", &answer).as_deref(), Some("arn:child"));
        assert_eq!(child_of("arn:aws:states:::states:startExecution.waitForTaskToken", &answer), None);
        assert_eq!(child_of("arn:aws:states:::sqs:sendMessage.waitForTaskToken", &answer), None);
    }
}

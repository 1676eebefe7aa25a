//! The services that can be called by name, and how each of them speaks.

/// How a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// JSON bodies, the action in `X-Amz-Target`.
    Json {
        /// `1.0` or `1.1`.
        version: &'static str,
        /// What stands before the action.
        target: &'static str,
        /// Names on the wire begin with a small letter.
        camel: bool,
    },
    /// Forms, answered in XML.
    Query {
        /// The API's version.
        version: &'static str,
        /// Items of a list are called `member`; else they have names of their own.
        member: bool,
    },
    /// EC2's dialect of Query.
    Ec2 {
        /// The API's version.
        version: &'static str,
    },
}

/// A service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Service {
    /// As in `aws-sdk:<name>:<action>`.
    pub(crate) name: &'static str,
    /// What error names begin with.
    pub(crate) exception: &'static str,
    /// The name in the host's name.
    pub(crate) host: &'static str,
    /// The name in signatures.
    pub(crate) signing: &'static str,
    pub(crate) protocol: Protocol,
}

const fn json(
    name: &'static str,
    exception: &'static str,
    host: &'static str,
    version: &'static str,
    target: &'static str,
) -> Service {
    Service { name, exception, host, signing: host, protocol: Protocol::Json { version, target, camel: false } }
}

const fn camel(service: Service) -> Service {
    let Protocol::Json { version, target, .. } = service.protocol else { return service };
    Service { protocol: Protocol::Json { version, target, camel: true }, ..service }
}

const fn query(name: &'static str, exception: &'static str, host: &'static str, version: &'static str) -> Service {
    Service { name, exception, host, signing: host, protocol: Protocol::Query { version, member: true } }
}

const fn named_items(service: Service) -> Service {
    let Protocol::Query { version, .. } = service.protocol else { return service };
    Service { protocol: Protocol::Query { version, member: false }, ..service }
}

const fn signed_as(signing: &'static str, service: Service) -> Service {
    Service { signing, ..service }
}

/// All of them, by name. Targets and versions are those of the services' public API models.
static SERVICES: [Service; 34] = [
    signed_as(
        "application-autoscaling",
        json(
            "applicationautoscaling",
            "ApplicationAutoScaling",
            "application-autoscaling",
            "1.1",
            "AnyScaleFrontendService",
        ),
    ),
    json("athena", "Athena", "athena", "1.1", "AmazonAthena"),
    query("autoscaling", "AutoScaling", "autoscaling", "2011-01-01"),
    query("cloudformation", "CloudFormation", "cloudformation", "2010-05-15"),
    json("cloudtrail", "CloudTrail", "cloudtrail", "1.1", "CloudTrail_20131101"),
    signed_as("monitoring", query("cloudwatch", "CloudWatch", "monitoring", "2010-08-01")),
    camel(json("cloudwatchlogs", "CloudWatchLogs", "logs", "1.1", "Logs_20140328")),
    camel(json("codebuild", "CodeBuild", "codebuild", "1.1", "CodeBuild_20161006")),
    camel(json("codedeploy", "CodeDeploy", "codedeploy", "1.1", "CodeDeploy_20141006")),
    camel(json("codepipeline", "CodePipeline", "codepipeline", "1.1", "CodePipeline_20150709")),
    json("config", "Config", "config", "1.1", "StarlingDoveService"),
    json("costexplorer", "CostExplorer", "ce", "1.1", "AWSInsightsIndexService"),
    json("dynamodb", "DynamoDb", "dynamodb", "1.0", "DynamoDB_20120810"),
    Service {
        name: "ec2",
        exception: "Ec2",
        host: "ec2",
        signing: "ec2",
        protocol: Protocol::Ec2 { version: "2016-11-15" },
    },
    signed_as("ecr", camel(json("ecr", "Ecr", "api.ecr", "1.1", "AmazonEC2ContainerRegistry_V20150921"))),
    camel(json("ecs", "Ecs", "ecs", "1.1", "AmazonEC2ContainerServiceV20141113")),
    named_items(query("elasticache", "ElastiCache", "elasticache", "2015-02-02")),
    query("elasticloadbalancingv2", "ElasticLoadBalancingV2", "elasticloadbalancing", "2015-12-01"),
    json("eventbridge", "EventBridge", "events", "1.1", "AWSEvents"),
    json("firehose", "Firehose", "firehose", "1.1", "Firehose_20150804"),
    json("glue", "Glue", "glue", "1.1", "AWSGlue"),
    query("iam", "Iam", "iam", "2010-05-08"),
    json("kinesis", "Kinesis", "kinesis", "1.1", "Kinesis_20131202"),
    json("kms", "Kms", "kms", "1.1", "TrentService"),
    named_items(query("rds", "Rds", "rds", "2014-10-31")),
    json("resourcegroupstaggingapi", "ResourceGroupsTaggingApi", "tagging", "1.1", "ResourceGroupsTaggingAPI_20170126"),
    json("secretsmanager", "SecretsManager", "secretsmanager", "1.1", "secretsmanager"),
    json("servicediscovery", "ServiceDiscovery", "servicediscovery", "1.1", "Route53AutoNaming_v20170314"),
    json("servicequotas", "ServiceQuotas", "servicequotas", "1.1", "ServiceQuotasV20190624"),
    camel(json("sfn", "Sfn", "states", "1.0", "AWSStepFunctions")),
    query("sns", "Sns", "sns", "2010-03-31"),
    json("sqs", "Sqs", "sqs", "1.0", "AmazonSQS"),
    json("ssm", "Ssm", "ssm", "1.1", "AmazonSSM"),
    query("sts", "Sts", "sts", "2011-06-15"),
];

impl Service {
    /// The service that SDK integrations call `name`.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        SERVICES.iter().find(|service| service.name == name)
    }

    /// Their names, for a message.
    pub(crate) fn names() -> String {
        SERVICES.iter().map(|service| service.name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_name_stands_once() {
        assert!(SERVICES.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert_eq!(Service::find("ecs").map(|service| service.exception), Some("Ecs"));
        assert_eq!(Service::find("s3"), None);
    }
}

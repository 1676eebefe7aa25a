//! The AWS services: each file maps the operations of one service to the world; every other operation is refused by
//! name.

mod application_autoscaling;
mod autoscaling_policies;
mod autoscaling_targets;
mod cloudwatch;
mod cloudwatch_data;
mod codedeploy;
mod codedeploy_view;
mod cost_explorer;
mod dynamodb;
mod dynamodb_search;
mod ec2;
mod ec2_inventory;
mod ecr;
mod ecs;
mod ecs_blue_green;
mod ecs_definition;
mod ecs_native;
mod ecs_sets;
mod ecs_view;
mod elasticache;
mod elbv2;
mod elbv2_listeners;
mod events;
mod expression;
mod iam;
mod input;
mod logs;
mod pricing;
mod rds;
mod secretsmanager;
mod servicequotas;
mod sns;
mod sqs;
mod ssm;

use serde_json::Value;

use crate::wire::{Node, Protocol, Request};
use crate::world::World;
use input::Input;

/// A service of the simulated account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Application Auto Scaling.
    ApplicationAutoScaling,
    /// CloudWatch.
    CloudWatch,
    /// CodeDeploy.
    CodeDeploy,
    /// Cost Explorer.
    CostExplorer,
    /// DynamoDB.
    DynamoDb,
    /// EC2.
    Ec2,
    /// ECR.
    Ecr,
    /// ECS.
    Ecs,
    /// ElastiCache.
    ElastiCache,
    /// Elastic Load Balancing v2.
    Elbv2,
    /// EventBridge.
    Events,
    /// IAM.
    Iam,
    /// CloudWatch Logs.
    Logs,
    /// The price list.
    Pricing,
    /// RDS.
    Rds,
    /// Secrets Manager.
    SecretsManager,
    /// Service Quotas.
    Quotas,
    /// SNS.
    Sns,
    /// SQS.
    Sqs,
    /// Systems Manager's Parameter Store.
    Ssm,
}

/// What is fixed about a service.
struct Facts {
    service: Service,
    /// The short name: the call log's, the faults'.
    name: &'static str,
    /// The credential scope's name, where it differs.
    scope: &'static str,
    /// The prefix of `X-Amz-Target`.
    target: &'static str,
    /// The Smithy namespace of its error shapes.
    shapes: &'static str,
    /// API version and XML namespace, where it speaks awsQuery.
    query: Option<(&'static str, &'static str)>,
    /// The error code of throttling.
    throttling: &'static str,
}

const FACTS: [Facts; 20] = [
    Facts {
        service: Service::ApplicationAutoScaling,
        name: "application-autoscaling",
        scope: "application-autoscaling",
        target: "AnyScaleFrontendService",
        shapes: "com.amazonaws.applicationautoscaling",
        query: None,
        throttling: "ThrottlingException",
    },
    Facts {
        service: Service::CloudWatch,
        name: "cloudwatch",
        scope: "monitoring",
        target: "GraniteServiceVersion20100801",
        shapes: "com.amazonaws.cloudwatch",
        query: Some(("2010-08-01", "http://monitoring.amazonaws.com/doc/2010-08-01/")),
        throttling: "Throttling",
    },
    Facts {
        service: Service::CodeDeploy,
        name: "codedeploy",
        scope: "codedeploy",
        target: "CodeDeploy_20141006",
        shapes: "com.amazonaws.codedeploy",
        query: None,
        throttling: "ThrottlingException",
    },
    Facts {
        service: Service::CostExplorer,
        name: "ce",
        scope: "ce",
        target: "AWSInsightsIndexService",
        shapes: "com.amazonaws.costexplorer",
        query: None,
        throttling: "LimitExceededException",
    },
    Facts {
        service: Service::DynamoDb,
        name: "dynamodb",
        scope: "dynamodb",
        target: "DynamoDB_20120810",
        shapes: "com.amazonaws.dynamodb.v20120810",
        query: None,
        throttling: "ProvisionedThroughputExceededException",
    },
    Facts {
        service: Service::Ec2,
        name: "ec2",
        scope: "ec2",
        target: "AmazonEC2",
        shapes: "com.amazonaws.ec2",
        query: Some(("2016-11-15", "http://ec2.amazonaws.com/doc/2016-11-15/")),
        throttling: "RequestLimitExceeded",
    },
    Facts {
        service: Service::Ecr,
        name: "ecr",
        scope: "ecr",
        target: "AmazonEC2ContainerRegistry_V20150921",
        shapes: "com.amazonaws.ecr",
        query: None,
        throttling: "ThrottlingException",
    },
    Facts {
        service: Service::Ecs,
        name: "ecs",
        scope: "ecs",
        target: "AmazonEC2ContainerServiceV20141113",
        shapes: "com.amazonaws.ecs",
        query: None,
        throttling: "ThrottlingException",
    },
    Facts {
        service: Service::ElastiCache,
        name: "elasticache",
        scope: "elasticache",
        target: "AmazonElastiCacheV9",
        shapes: "com.amazonaws.elasticache",
        query: Some(("2015-02-02", "http://elasticache.amazonaws.com/doc/2015-02-02/")),
        throttling: "Throttling",
    },
    Facts {
        service: Service::Elbv2,
        name: "elbv2",
        scope: "elasticloadbalancing",
        target: "ElasticLoadBalancing_v10",
        shapes: "com.amazonaws.elasticloadbalancingv2",
        query: Some(("2015-12-01", "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/")),
        throttling: "Throttling",
    },
    Facts {
        service: Service::Events,
        name: "events",
        scope: "events",
        target: "AWSEvents",
        shapes: "com.amazonaws.eventbridge",
        query: None,
        throttling: "ThrottlingException",
    },
    Facts {
        service: Service::Iam,
        name: "iam",
        scope: "iam",
        target: "AWSIdentityManagementV20100508",
        shapes: "com.amazonaws.iam",
        query: Some(("2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/")),
        throttling: "Throttling",
    },
    Facts {
        service: Service::Logs,
        name: "logs",
        scope: "logs",
        target: "Logs_20140328",
        shapes: "com.amazonaws.cloudwatchlogs",
        query: None,
        throttling: "ThrottlingException",
    },
    Facts {
        service: Service::Pricing,
        name: "pricing",
        scope: "pricing",
        target: "AWSPriceListService",
        shapes: "com.amazonaws.pricing",
        query: None,
        throttling: "ThrottlingException",
    },
    Facts {
        service: Service::Rds,
        name: "rds",
        scope: "rds",
        target: "AmazonRDSv19",
        shapes: "com.amazonaws.rds",
        query: Some(("2014-10-31", "http://rds.amazonaws.com/doc/2014-10-31/")),
        throttling: "Throttling",
    },
    Facts {
        service: Service::SecretsManager,
        name: "secretsmanager",
        scope: "secretsmanager",
        target: "secretsmanager",
        shapes: "com.amazonaws.secretsmanager",
        query: None,
        throttling: "ThrottlingException",
    },
    Facts {
        service: Service::Quotas,
        name: "servicequotas",
        scope: "servicequotas",
        target: "ServiceQuotasV20190624",
        shapes: "com.amazonaws.servicequotas",
        query: None,
        throttling: "TooManyRequestsException",
    },
    Facts {
        service: Service::Sns,
        name: "sns",
        scope: "sns",
        target: "AmazonSimpleNotificationService",
        shapes: "com.amazonaws.sns",
        query: Some(("2010-03-31", "http://sns.amazonaws.com/doc/2010-03-31/")),
        throttling: "Throttling",
    },
    Facts {
        service: Service::Sqs,
        name: "sqs",
        scope: "sqs",
        target: "AmazonSQS",
        shapes: "com.amazonaws.sqs",
        query: None,
        throttling: "RequestThrottled",
    },
    Facts {
        service: Service::Ssm,
        name: "ssm",
        scope: "ssm",
        target: "AmazonSSM",
        shapes: "com.amazonaws.ssm",
        query: None,
        throttling: "ThrottlingException",
    },
];

/// Services of the production profile that a fleet's account has nothing of.
const ABSENT_IN_FLEETS: [Service; 2] = [Service::CodeDeploy, Service::ElastiCache];

impl Service {
    fn facts(self) -> &'static Facts {
        FACTS.iter().find(|facts| facts.service == self).unwrap_or(&FACTS[0])
    }

    /// The service of that short name or credential scope.
    pub(crate) fn named(name: &str) -> Option<Self> {
        FACTS.iter().find(|facts| facts.name == name || facts.scope == name).map(|facts| facts.service)
    }

    /// The service of that `X-Amz-Target` prefix or RPC service name.
    pub(crate) fn of_target(target: &str) -> Option<Self> {
        FACTS.iter().find(|facts| facts.target == target).map(|facts| facts.service)
    }

    /// The service of that awsQuery API version.
    pub(crate) fn of_version(version: &str) -> Option<Self> {
        let matches = |facts: &&Facts| facts.query.is_some_and(|(own, _)| own == version);
        FACTS.iter().find(matches).map(|facts| facts.service)
    }

    /// All short names.
    pub(crate) fn names() -> Vec<&'static str> {
        FACTS.iter().map(|facts| facts.name).collect()
    }

    /// The short name.
    pub(crate) fn name(self) -> &'static str {
        self.facts().name
    }

    /// The XML namespace, where the service speaks awsQuery.
    pub(crate) fn namespace(self) -> Option<&'static str> {
        self.facts().query.map(|(_, namespace)| namespace)
    }

    /// The Smithy namespace of its error shapes.
    pub(crate) fn shape_namespace(self) -> &'static str {
        self.facts().shapes
    }

    /// The error code of throttling.
    pub(crate) fn throttling_code(self) -> &'static str {
        self.facts().throttling
    }

    /// Whether the service can be spoken to in this protocol.
    fn speaks(self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Json(_) => self.namespace().is_none() || self == Self::CloudWatch,
            Protocol::Query => self.namespace().is_some(),
            Protocol::Cbor => self == Self::CloudWatch,
        }
    }
}

/// An error answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    /// Error code: the exception's shape name in JSON and CBOR.
    pub(crate) code: String,
    /// Message.
    pub(crate) message: String,
    /// HTTP status.
    pub(crate) status: u16,
    /// The code in awsQuery, where it differs from the shape's name.
    pub(crate) query_code: Option<String>,
    /// Further members of the exception.
    pub(crate) members: Vec<(&'static str, Value)>,
}

impl Failure {
    /// A caller's error, status 400.
    pub(crate) fn new(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), status: 400, query_code: None, members: Vec::new() }
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same with a code of its own in awsQuery.
    pub(crate) fn with_query_code(self, code: &str) -> Self {
        Self { query_code: Some(code.to_owned()), ..self }
    }

    /// The same with a further member.
    pub(crate) fn with_member(mut self, name: &'static str, value: Value) -> Self {
        self.members.push((name, value));
        self
    }

    /// The refusal of an operation that the sandbox does not have.
    fn unknown(request: &Request) -> Self {
        let name = request.service.name();
        let message = format!(
            "the sandbox does not have the operation {} of {name}; it is no emulator, see its README",
            request.operation
        );
        let code = if request.protocol == Protocol::Query { "InvalidAction" } else { "UnknownOperationException" };
        Self::new(code, &message)
    }
}

/// Performs a call on the world.
pub(crate) fn perform(world: &mut World, request: &Request) -> Result<Node, Failure> {
    let absent = world.fleet.is_some() && ABSENT_IN_FLEETS.contains(&request.service);
    if absent || !request.service.speaks(request.protocol) {
        return Err(Failure::unknown(request));
    }
    let input = Input::new(request.service, &request.parameters);
    let operation = request.operation.as_str();
    let answer = match request.service {
        Service::ApplicationAutoScaling => application_autoscaling::perform(world, operation, &input),
        Service::CloudWatch => cloudwatch::perform(world, operation, &input),
        Service::CodeDeploy => codedeploy::perform(world, operation, &input),
        Service::CostExplorer => cost_explorer::perform(world, operation, &input),
        Service::DynamoDb => dynamodb::perform(world, operation, &input),
        Service::Ec2 => ec2::perform(world, operation, &input),
        Service::Ecr => ecr::perform(world, operation, &input),
        Service::Ecs => ecs::perform(world, operation, &input),
        Service::ElastiCache => elasticache::perform(world, operation, &input),
        Service::Elbv2 => elbv2::perform(world, operation, &input),
        Service::Events => events::perform(world, operation, &input),
        Service::Iam => iam::perform(world, operation, &input),
        Service::Logs => logs::perform(world, operation, &input),
        Service::Pricing => pricing::perform(world, operation, &input),
        Service::Rds => rds::perform(world, operation, &input),
        Service::SecretsManager => secretsmanager::perform(world, operation, &input),
        Service::Quotas => servicequotas::perform(world, operation, &input),
        Service::Sns => sns::perform(world, operation, &input),
        Service::Sqs => sqs::perform(world, operation, &input),
        Service::Ssm => ssm::perform(world, operation, &input),
    };
    answer.unwrap_or_else(|| Err(Failure::unknown(request)))
}

/// An operation's answer; `None` when the service does not have the operation here.
type Answer = Option<Result<Node, Failure>>;

/// How long a receive may wait for a message, virtual milliseconds; `None` when the call is none that waits.
pub(crate) fn long_poll_ms(world: &World, request: &Request) -> Option<u64> {
    if request.service != Service::Sqs || request.operation != "ReceiveMessage" {
        return None;
    }
    sqs::wait_ms(world, &Input::new(request.service, &request.parameters))
}

/// Whether a receive found nothing.
pub(crate) fn is_empty_receive(result: &Result<Node, Failure>) -> bool {
    matches!(result, Ok(Node::Json(value)) if value.get("Messages").is_none())
}

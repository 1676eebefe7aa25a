//! Faults, one at a time, each of which the check must find and say how to mend.

use std::path::Path;

use super::problems;
use super::suite::{self, OBSERVED, REASONS, Sources, TEMPLATE};

/// A change to one file, and what the check must say about it.
struct Fault {
    what: &'static str,
    file: &'static str,
    find: &'static str,
    replace: &'static str,
    /// Part of the problem's text: what is wrong.
    told: &'static str,
    /// Another part: what to do.
    cure: &'static str,
}

const RELEASES: &str = "statemachines/blue-green-deployment/definition.asl.json";
const INCIDENTS: &str = "statemachines/incident-remediation/definition.asl.json";

const FAULTS: &[Fault] = &[
    Fault {
        what: "a misspelt action",
        file: TEMPLATE,
        find: "cloudwatch:GetMetricData",
        replace: "cloudwatch:GetMetricDatum",
        told: "cloudwatch:GetMetricDatum, which is not in",
        cure: "mend its spelling",
    },
    Fault {
        what: "a permission of a function is missing",
        file: TEMPLATE,
        find: "Action: [ecs:DescribeServices, ecs:UpdateService]",
        replace: "Action: ecs:DescribeServices",
        told: "IncidentRestartServiceRole does not allow ecs:UpdateService",
        cure: "allow it on what it is called on",
    },
    Fault {
        what: "a function may do more than it does",
        file: TEMPLATE,
        find: "Action: sns:Publish\n                Resource: !Ref Notifications\n              - Effect: Allow\n                Action: [kms:Decrypt",
        replace: "Action: [sns:Publish, sns:DeleteTopic]\n                Resource: !Ref Notifications\n              - Effect: Allow\n                Action: [kms:Decrypt",
        told: "allows sns:DeleteTopic, which incident-notify-human was never seen to call",
        cure: "remove it, or give the reason",
    },
    Fault {
        what: "a permission of a state machine is missing",
        file: TEMPLATE,
        find: "Action: sqs:SendMessage\n                Resource: !GetAtt DeadLetters.Arn",
        replace: "Action: sqs:ReceiveMessage\n                Resource: !GetAtt DeadLetters.Arn",
        told: "DeadLetterStateMachineRole does not allow sqs:SendMessage",
        cure: "allow it on what it acts on",
    },
    Fault {
        what: "a state machine may start another one than it does",
        file: TEMPLATE,
        find: "                  - !Ref CircuitBreakerStateMachine\n",
        replace: "                  - !Ref ObservedChangeStateMachine\n",
        told: "IncidentRemediationStateMachineRole does not allow states:StartExecution",
        cure: "allow it on {\"Ref\":\"CircuitBreakerStateMachine\"}",
    },
    Fault {
        what: "an action on every resource that can be narrowed",
        file: TEMPLATE,
        find: "Action: ecs:DescribeServices\n                Resource: !Ref ServiceArns",
        replace: "Action: ecs:DescribeServices\n                Resource: '*'",
        told: "allows ecs:DescribeServices on every resource, but IAM can narrow it to service",
        cure: "name the resources",
    },
    Fault {
        what: "a rate in the wrong number",
        file: TEMPLATE,
        find: "rate(4 hours)",
        replace: "rate(4 hour)",
        told: "Schedule \"rate(4 hour)\"",
        cure: "write rate(1 hour) or rate(4 hours)",
    },
    Fault {
        what: "a cron expression with both days",
        file: TEMPLATE,
        find: "cron(0 6 * * ? *)",
        replace: "cron(0 6 * * * *)",
        told: "Schedule \"cron(0 6 * * * *)\"",
        cure: "must be ?",
    },
    Fault {
        what: "no queue for events that start nothing",
        file: TEMPLATE,
        find: "            RetryPolicy: {MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 24}\n            DeadLetterConfig: {Arn: !GetAtt UndeliveredEvents.Arn}\n",
        replace: "            RetryPolicy: {MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 24}\n",
        told: "DeadLetterConfig is missing",
        cure: "name the queue UndeliveredEvents",
    },
    Fault {
        what: "no retries that end",
        file: TEMPLATE,
        find: "            RetryPolicy: {MaximumEventAgeInSeconds: 1800, MaximumRetryAttempts: 12}\n",
        replace: "",
        told: "event PauseHook of DeploymentValidationStateMachine",
        cure: "RetryPolicy must say MaximumEventAgeInSeconds",
    },
    Fault {
        what: "a queue to which EventBridge may not write",
        file: TEMPLATE,
        find: "Queues: [!Ref UndeliveredEvents]",
        replace: "Queues: [!Ref ParkedLetters]",
        told: "UndeliveredEvents has no AWS::SQS::QueuePolicy",
        cure: "add sqs:SendMessage",
    },
    Fault {
        what: "a queue to which SNS may not write",
        file: TEMPLATE,
        find: "Principal: {Service: sns.amazonaws.com}",
        replace: "Principal: {Service: events.amazonaws.com}",
        told: "lets sns.amazonaws.com send to it",
        cure: "add sqs:SendMessage",
    },
    Fault {
        what: "a placeholder without a substitution",
        file: TEMPLATE,
        find: "        RecoveryWatcherActivityArn: !Ref RecoveryWatcherActivity\n",
        replace: "",
        told: "substitutes nothing for ${RecoveryWatcherActivityArn}",
        cure: "add it",
    },
    Fault {
        what: "a substitution that leads nowhere",
        file: TEMPLATE,
        find: "RecoveryWatcherActivityArn: !Ref RecoveryWatcherActivity",
        replace: "RecoveryWatcherActivityArn: !Ref RecoveryObserverActivity",
        told: "there is no \"RecoveryObserverActivity\"",
        cure: "add it or mend the name",
    },
    Fault {
        what: "a substitution of another function",
        file: TEMPLATE,
        find: "IncidentAssessFunctionArn: !GetAtt IncidentAssessFunction.Arn",
        replace: "IncidentAssessFunctionArn: !GetAtt IncidentScaleUpFunction.Arn",
        told: "for ${IncidentAssessFunctionArn}",
        cure: "it must be IncidentAssessFunction",
    },
    Fault {
        what: "a handler that the binary does not have",
        file: TEMPLATE,
        find: "      Handler: incident-assess\n",
        replace: "      Handler: incident-asess\n",
        told: "IncidentAssessFunction.Handler is \"incident-asess\"",
        cure: "make it \"incident-assess\"",
    },
    Fault {
        what: "another time-out than a local stack's",
        file: TEMPLATE,
        find: "      Timeout: 60\n",
        replace: "      Timeout: 6\n",
        told: "IncidentScaleUpFunction.Timeout is 6",
        cure: "make it 60",
    },
    Fault {
        what: "a variable that is not set",
        file: TEMPLATE,
        find: "          SNS_TOPIC_ARN: !Ref Notifications\n",
        replace: "",
        told: "has no variable SNS_TOPIC_ARN",
        cure: "set it",
    },
    Fault {
        what: "an alarm that rings while all is well",
        file: TEMPLATE,
        find: "ComparisonOperator: LessThanThreshold",
        replace: "ComparisonOperator: GreaterThanOrEqualToThreshold",
        told: "too little of it is bad",
        cure: "use LessThanThreshold",
    },
    Fault {
        what: "an alarm that is silent when something fails",
        file: "infra/aws/function-alarms.yaml",
        find: "ComparisonOperator: GreaterThanOrEqualToThreshold",
        replace: "ComparisonOperator: LessThanThreshold",
        told: "too much of it is bad",
        cure: "use GreaterThanThreshold",
    },
    Fault {
        what: "a dead man's switch that takes silence for health",
        file: TEMPLATE,
        find: "TreatMissingData: breaching",
        replace: "TreatMissingData: notBreaching",
        told: "TreatMissingData must be breaching",
        cure: "no data is the failure itself",
    },
    Fault {
        what: "a schedule without a dead man's switch",
        file: TEMPLATE,
        find: "{Name: StateMachineArn, Value: !Ref CostOptimizationStateMachine}",
        replace: "{Name: StateMachineArn, Value: !Ref OptimizationStateMachine}",
        told: "CostOptimizationStateMachine runs on the schedule",
        cure: "add one",
    },
    Fault {
        what: "an alarm about duration that no invocation reaches",
        file: TEMPLATE,
        find: "DurationThreshold: 49800",
        replace: "DurationThreshold: 60000",
        told: "IncidentScaleUpAlarms.DurationThreshold must be 49800",
        cure: "83 % of the time-out",
    },
    Fault {
        what: "an alarm that tells nobody",
        file: "infra/aws/service.yaml",
        find: "AlarmActions: [!Ref NotificationTopicArn]",
        replace: "AlarmActions: []",
        told: "tells nobody",
        cure: "give it AlarmActions",
    },
    Fault {
        what: "a dead-letter queue that nobody watches",
        file: TEMPLATE,
        find: "{Name: QueueName, Value: !GetAtt ParkedLetters.QueueName}",
        replace: "{Name: QueueName, Value: !GetAtt DeadLetters.QueueName}",
        told: "nobody would notice a message in ParkedLetters",
        cure: "add an alarm on its depth",
    },
    Fault {
        what: "a region in a template",
        file: TEMPLATE,
        find: "arn:${AWS::Partition}:ssm:${AWS::Region}:",
        replace: "arn:${AWS::Partition}:ssm:eu-west-1:",
        told: "region eu-west-1",
        cure: "write ${AWS::Region}",
    },
    Fault {
        what: "a retry that becomes faster",
        file: INCIDENTS,
        find: "\"BackoffRate\": 2.0",
        replace: "\"BackoffRate\": 0.5",
        told: "BackoffRate",
        cure: INCIDENTS,
    },
    Fault {
        what: "a heartbeat above its time-out",
        file: RELEASES,
        find: "\"TimeoutSeconds\": 900,\n      \"HeartbeatSeconds\": 300",
        replace: "\"TimeoutSeconds\": 900,\n      \"HeartbeatSeconds\": 1000",
        told: "HeartbeatSeconds",
        cure: RELEASES,
    },
    Fault {
        what: "a transition to nowhere",
        file: INCIDENTS,
        find: "\"Next\": \"Judge event\"",
        replace: "\"Next\": \"Judge evnt\"",
        told: "Judge evnt",
        cure: INCIDENTS,
    },
    Fault {
        what: "a call that was seen and is not allowed",
        file: OBSERVED,
        find: "\"incident-assess\": [",
        replace: "\"incident-assess\": [\n    \"ecs:StopTask\",",
        told: "IncidentAssessRole does not allow ecs:StopTask",
        cure: "allow it",
    },
    Fault {
        what: "a reason for nothing",
        file: REASONS,
        find: "\"everyResource\": {",
        replace: "\"everyResource\": {\n    \"ecs:StopTask\": \"because\",",
        told: "everyResource.ecs:StopTask explains nothing",
        cure: "remove it",
    },
];

fn repository() -> Sources {
    suite::sources(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap()
}

#[test]
fn the_repository_has_no_problem() {
    let found = problems(&repository()).unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_seeded_fault_is_found_and_its_cure_is_told() {
    let whole = repository();
    let mut missed = Vec::new();
    for fault in FAULTS {
        let mut sources = whole.clone();
        let text = sources.get_mut(fault.file).unwrap();
        assert!(text.contains(fault.find), "{}: {} has no {:?} any more", fault.what, fault.file, fault.find);
        *text = text.replacen(fault.find, fault.replace, 1);
        let found = problems(&sources).unwrap_or_else(|failure| vec![failure.to_string()]);
        if !found.iter().any(|problem| problem.contains(fault.told) && problem.contains(fault.cure)) {
            missed.push(format!("{}: told {found:?}", fault.what));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

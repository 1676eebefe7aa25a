//! What every definition keeps to: error names that exist, policies, time-outs, catches, placeholders, format.

use std::collections::BTreeSet;

use asl::{Definition, Jitter, Kind, Retrier, State, Task, Value};
use operations::error::Kind as OpsError;
use scenario::{Coverage, run};

use super::{Workflow, read, root, snapshot_name, workflows};

/// Error names that Step Functions reserves, and those that AWS gives a function that died.
const PLATFORM: [&str; 14] = [
    "States.ALL",
    "States.Timeout",
    "States.HeartbeatTimeout",
    "States.TaskFailed",
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Sandbox.Failure",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
];

/// Exceptions of the services that definitions call, by the prefix that their integration gives them. The modelled
/// ones are those of the service's API reference; the generic one and `SdkClientException` are the Java SDK's.
const SERVICES: [(&str, &[&str]); 19] = [
    ("CloudWatch", &["CloudWatchException"]),
    ("CloudWatchLogs", &["CloudWatchLogsException", "ServiceUnavailableException"]),
    ("CodeDeploy", &["CodeDeployException", "LifecycleEventAlreadyCompletedException", "ThrottlingException"]),
    ("CostExplorer", &["CostExplorerException", "LimitExceededException"]),
    (
        "DynamoDB",
        &[
            "AmazonDynamoDBException",
            "ConditionalCheckFailedException",
            "InternalServerErrorException",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceededException",
            "ThrottlingException",
        ],
    ),
    (
        "DynamoDb",
        &[
            "DynamoDbException",
            "ConditionalCheckFailedException",
            "InternalServerErrorException",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceededException",
            "ThrottlingException",
        ],
    ),
    ("Ec2", &["Ec2Exception"]),
    ("Ecr", &["EcrException", "ServerException"]),
    (
        "Ecs",
        &[
            "ClientException",
            "EcsException",
            "InvalidParameterException",
            "ServerException",
            "ServiceDeploymentNotFoundException",
            "ThrottlingException",
        ],
    ),
    ("ElasticLoadBalancingV2", &["ElasticLoadBalancingV2Exception"]),
    ("EventBridge", &["AmazonEventBridgeException", "FailedEntry", "InternalException"]),
    ("Iam", &["IamException", "ServiceFailureException"]),
    ("Rds", &["DbSnapshotAlreadyExistsException", "InvalidDbInstanceStateException", "RdsException"]),
    ("SecretsManager", &["InternalServiceErrorException", "SecretsManagerException"]),
    ("ServiceQuotas", &["ServiceException", "ServiceQuotasException", "TooManyRequestsException"]),
    ("Ssm", &["SsmException", "InternalServerErrorException", "ThrottlingException"]),
    ("Sfn", &["ExecutionDoesNotExistException", "SfnException"]),
    ("SQS", &["AmazonSQSException"]),
    (
        "StepFunctions",
        &[
            "AWSStepFunctionsException",
            "ExecutionAlreadyExistsException",
            "ExecutionLimitExceededException",
            "ThrottlingException",
        ],
    ),
];

/// Declared errors that belong to workflows which do not exist yet.
const LATER: [&str; 2] = ["Image.", "Lambda.UpdateInProgress"];

/// Declared errors of deployments and their migrations: no incident and no optimisation ends with them.
const OF_DEPLOYMENTS: [&str; 4] = ["Migrate.", "Ops.CanaryFailed", "Ops.SmokeTestFailed", "Ops.UnhealthyTarget"];

fn is_later(kind: OpsError) -> bool {
    LATER.iter().any(|prefix| kind.name().starts_with(prefix))
}

fn of_deployments(kind: OpsError) -> bool {
    OF_DEPLOYMENTS.iter().any(|prefix| kind.name().starts_with(prefix))
}

fn each_state(workflow: &Workflow, mut look: impl FnMut(&str, &State)) {
    let definition: Definition = workflow.definition();
    definition.visit(&mut |visited| look(visited.name, visited.state));
}

fn each_task(mut look: impl FnMut(&str, &Task)) {
    for workflow in workflows() {
        each_state(&workflow, |name, state| {
            if let Kind::Task(task) = &state.kind {
                look(&format!("{}: {name}", workflow.name), task);
            }
        });
    }
}

fn is_known(name: &str) -> bool {
    let of_service = |(prefix, exceptions): &(&str, &[&str])| {
        let exception = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'));
        exception.is_some_and(|exception| exceptions.contains(&exception) || exception == "SdkClientException")
    };
    OpsError::from_name(name).is_some() || PLATFORM.contains(&name) || SERVICES.iter().any(of_service)
}

/// Everything in a text that looks like an error name of ours.
fn ops_names(text: &str) -> BTreeSet<String> {
    let starts = |prefix| text.match_indices(prefix).map(|(at, prefix): (usize, &str)| (&text[at..], prefix.len()));
    let name = |(rest, prefix): (&str, usize)| {
        let end = rest[prefix..].find(|letter: char| !letter.is_ascii_alphanumeric());
        rest[..end.map_or(rest.len(), |end| end + prefix)].to_owned()
    };
    starts("Ops.").chain(starts("Migrate.")).map(name).collect()
}

#[test]
fn every_error_name_in_a_definition_exists() {
    each_task(|at, task| {
        let retried = task.recovery.retry.iter().flat_map(|retrier| &retrier.error_equals);
        let caught = task.recovery.catch.iter().flat_map(|catcher| &catcher.error_equals);
        for name in retried.chain(caught) {
            assert!(is_known(name), "{at}: {name} is an error that nothing throws");
        }
    });
    for workflow in workflows() {
        for name in ops_names(&workflow.text) {
            assert!(OpsError::from_name(&name).is_some(), "{}: {name} is not declared in operations", workflow.name);
        }
    }
}

/// The workflows that route a failure by the class of its error.
const ROUTING: [&str; 7] = [
    "incident-remediation",
    "deployment-validation",
    "blue-green-deployment",
    "optimization",
    "scaling-optimization",
    "cost-optimization",
    "observed-change",
];

#[test]
fn every_declared_error_is_routed_by_its_class() {
    for name in ROUTING {
        let assigned = named(name).definition().machine.states["Prepare letter"].flow.assign.clone();
        let assigned = assigned.unwrap_or_else(|| panic!("{name}: an Assign"));
        let classes = assigned.get("classes").and_then(Value::as_object).expect("the classes");
        let advice = assigned.get("advice").and_then(Value::as_object).expect("the advice");
        let of_releases = ["deployment-validation", "blue-green-deployment"].contains(&name);
        let at_home = |kind: &OpsError| !is_later(*kind) && (of_releases || !of_deployments(*kind));
        for kind in OpsError::ALL.into_iter().filter(at_home) {
            let class = classes.get(kind.name()).and_then(Value::as_str);
            let declared = format!("{:?}", kind.class()).to_lowercase();
            assert_eq!(class, Some(&*declared), "{name}: the class of {kind} in the definition");
            assert!(advice.contains_key(&*declared), "{name}: no advice for the class {declared}");
        }
        let unknown: Vec<_> = classes.keys().filter(|class| OpsError::from_name(class).is_none()).collect();
        assert!(unknown.is_empty(), "{name}: classes of errors that do not exist: {unknown:?}");
    }
}

/// The workflow of that name.
fn named(name: &str) -> Workflow {
    workflows().into_iter().find(|workflow| workflow.name == name).unwrap_or_else(|| panic!("{name} is there"))
}

/// The policy of tasks that a worker drops: by an `Ops.ResourceBusy` it hands the task back. It is the worker that is
/// busy then and not the resource, so another one starts at once, without the wait that is declared for a resource.
const HANDED_BACK: &str = "worker";

#[test]
fn an_error_that_a_retry_helps_is_retried_as_declared() {
    let policies = policies();
    for kind in OpsError::ALL {
        let name = kind.name();
        let mut declared = policies.iter().filter(|(policy, _)| policy != HANDED_BACK);
        let policy = declared.find(|(_, policy)| policy.error_equals.iter().any(|error| **error == *name));
        match (kind.retry_hint(), policy) {
            _ if is_later(kind) => {}
            (Some(hint), Some((_, policy))) => {
                assert_eq!(policy.interval_seconds, u64::from(hint.interval_seconds), "{name}: IntervalSeconds");
                assert!((policy.backoff_rate - hint.backoff_rate).abs() < f64::EPSILON, "{name}: BackoffRate");
                assert_eq!(policy.max_delay_seconds, hint.max_delay_seconds.map(u64::from), "{name}: MaxDelaySeconds");
                assert_eq!(policy.max_attempts, hint.max_attempts, "{name}: MaxAttempts");
            }
            (None, None) => {}
            (Some(_), None) => panic!("{name} should be retried, and no policy has it"),
            (None, Some((policy, _))) => panic!("{name} must not be retried, and policy {policy} does"),
        }
    }
}

#[test]
fn only_tasks_of_workers_are_retried_as_handed_back() {
    let policies = policies();
    let (_, policy) = policies.iter().find(|(name, _)| name == HANDED_BACK).expect("the policy is there");
    for error in policy.error_equals.iter().filter(|error| error.starts_with("Ops.")) {
        assert_eq!(&**error, OpsError::ResourceBusy.name(), "a worker hands back by nothing else");
    }
    each_task(|at, task| {
        let of_worker = task.resource.contains(":activity:");
        assert_eq!(task.recovery.retry.contains(policy), of_worker, "{at}: policy {HANDED_BACK}");
    });
}

#[test]
fn every_task_has_a_time_out_named_policies_and_a_last_catch() {
    let policies = policies();
    for (name, policy) in &policies {
        assert_eq!(policy.jitter, Jitter::Full, "policy {name}: waits without jitter make callers meet again");
    }
    each_task(|at, task| {
        assert!(task.timeout_seconds.is_some(), "{at}: no TimeoutSeconds");
        assert!(!task.recovery.retry.is_empty(), "{at}: no Retry");
        for retrier in &task.recovery.retry {
            assert!(policies.iter().any(|(_, policy)| policy == retrier), "{at}: {retrier:?} is no policy");
        }
        let last = task.recovery.catch.last().unwrap_or_else(|| panic!("{at}: no Catch"));
        assert_eq!(
            last.error_equals.iter().map(|name| &**name).collect::<Vec<_>>(),
            ["States.ALL"],
            "{at}: last Catch"
        );
    });
}

/// The policies by name, read by the same parser as definitions.
fn policies() -> Vec<(String, Retrier)> {
    let file = Value::parse(&read(&root().join("statemachines/policies.json"))).expect("policies.json is JSON");
    let policy = |(name, policy): (&std::sync::Arc<str>, &Value)| {
        let text = format!(
            r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
                "TimeoutSeconds": 1, "Retry": [{policy}], "End": true}}}}}}"#
        );
        let parsed = asl::parse(&text);
        let definition = parsed.definition.unwrap_or_else(|| panic!("policy {name}: {:?}", parsed.diagnostics));
        let recovery = definition.machine.states[0].kind.recovery().expect("a task");
        (name.to_string(), recovery.retry[0].clone())
    };
    file.as_object().expect("policies.json is an object").iter().map(policy).collect()
}

#[test]
fn definitions_are_jsonata_commented_formatted_and_free_of_accounts() {
    for workflow in workflows() {
        let name = &workflow.name;
        let definition = workflow.definition();
        assert_eq!(definition.query_language, asl::QueryLanguage::Jsonata, "{name}");
        assert!(definition.comment.is_some(), "{name}: no Comment");
        assert!(definition.timeout_seconds.is_some(), "{name}: no TimeoutSeconds");
        assert!(!workflow.text.contains("123456789012"), "{name}: an account literal");
        let formatted = asl::format(&workflow.text).expect("the definition is JSON");
        assert!(workflow.text == formatted, "{name}: not formatted; run `cargo xtask asl fmt`");
        assert!(workflow.folder.join("README.md").is_file(), "{name}: no README.md");
    }
}

#[test]
fn names_of_states_are_a_verb_and_its_object() {
    for workflow in workflows() {
        each_state(&workflow, |name, _| {
            let words: Vec<&str> = name.split(' ').collect();
            let sentence_case = name.chars().enumerate().all(|(at, letter)| {
                letter == ' ' || (letter.is_ascii_uppercase() == (at == 0) && letter.is_ascii_alphabetic())
            });
            assert!(
                words.len() >= 2 && sentence_case,
                "{}: {name:?} is not a sentence-case verb and object",
                workflow.name
            );
        });
    }
}

#[test]
fn plan_mode_gives_exactly_the_calls_that_apply_carries_out() {
    let workflow = named("incident-remediation");
    let (definition, suite) = (workflow.definition(), workflow.suite());
    let of = |name: &str| run(&definition, &workflow.name, suite.case(name).expect("the case exists"));
    let (planned, applied) = (of("Plan"), of("Scale up api"));
    let given = |state: &str| {
        let order = applied.orders.iter().find(|order| &*order.state == state).expect("the state was scheduled");
        order.parameters.get("Payload").and_then(|payload| payload.get("plan")).cloned().expect("a plan")
    };
    let plan = planned.output.as_ref().and_then(|output| output.get("plan")).expect("a plan in the output");
    assert_eq!(
        plan.get("calls").map(ToString::to_string),
        given("Perform action").get("calls").map(ToString::to_string)
    );
    assert_eq!(plan.get("undo").map(ToString::to_string), given("Perform action").get("undo").map(ToString::to_string));
    let written: Vec<_> = planned.scheduled.keys().filter(|state| writes(&definition, state)).collect();
    assert!(written.is_empty(), "plan mode writes: {written:?}");
}

#[test]
fn a_planned_release_is_the_one_that_apply_carries_out() {
    let workflow = named("blue-green-deployment");
    let (definition, suite) = (workflow.definition(), workflow.suite());
    let of = |name: &str| run(&definition, &workflow.name, suite.case(name).expect("the case exists"));
    let (planned, applied, turned) = (of("Plan"), of("Release of checkout"), of("Refused in production"));
    let plan = planned.output.as_ref().and_then(|output| output.get("plan")).expect("a plan in the output");
    let steps = |of: &str| -> Vec<String> {
        let steps = plan.get(of).and_then(Value::as_array).expect("steps");
        steps.iter().map(|step| format!("{:?} {:?}", step.get("step"), step.get("weight"))).collect()
    };
    let done = |run: &scenario::Run, state: &str| -> Vec<String> {
        let orders = run.orders.iter().filter(|order| &*order.state == state).map(|order| &order.parameters);
        orders.map(|given| format!("{:?} {:?}", given.get("step"), given.get("weight"))).collect()
    };
    assert_eq!(steps("steps"), done(&applied, "Perform step"));
    assert_eq!(steps("back"), done(&turned, "Take back step"));
    let written: Vec<_> = planned.scheduled.keys().filter(|state| writes(&definition, state)).collect();
    assert!(written.is_empty(), "plan mode writes: {written:?}");
}

/// Whether a state writes to the store.
fn writes(definition: &Definition, state: &str) -> bool {
    match &definition.machine.states[state].kind {
        Kind::Task(task) => ["putItem", "updateItem", "deleteItem"].iter().any(|action| task.resource.contains(action)),
        _ => false,
    }
}

#[test]
fn coverage_misses_what_no_run_reaches() {
    let workflow = named("dead-letter");
    let (definition, suite) = (workflow.definition(), workflow.suite());
    let mut coverage = Coverage::new(&definition);
    assert!(coverage.missing().contains(&"States/Keep message"));
    coverage.add(&run(&definition, &workflow.name, &suite.cases[0]));
    let missing = coverage.missing();
    assert!(!missing.contains(&"States/Keep message"));
    for point in ["Keep message catch[0]", "Keep message retry[0]", "Judge delivery -> Fail delivery"] {
        assert!(missing.contains(&point), "{missing:?}");
    }
}

#[test]
fn every_snapshot_belongs_to_a_case() {
    for workflow in workflows() {
        let mut wanted = BTreeSet::from(["definition.snap".to_owned()]);
        for case in &workflow.suite().cases {
            assert!(
                wanted.insert(format!("{}.snap", snapshot_name(&case.name))),
                "{}: two cases have one snapshot",
                case.name
            );
        }
        let folder = workflow.folder.join("snapshots");
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let name = entry.expect("a readable folder").file_name().to_string_lossy().into_owned();
            assert!(wanted.contains(&name), "{}/{name} belongs to no case: delete it", folder.display());
        }
    }
}

/// DynamoDB refuses a call that declares a placeholder and does not use it, or the other way round.
#[test]
fn placeholders_of_dynamodb_expressions_are_declared_and_used() {
    for workflow in workflows() {
        each_state(&workflow, |name, state| {
            let Some(arguments) = &state.flow.arguments else { return };
            let text = |field: &str| arguments.get(field).and_then(Value::as_str).unwrap_or_default();
            let expressions = format!("{} {}", text("UpdateExpression"), text("ConditionExpression"));
            let used: BTreeSet<&str> = expressions
                .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '#' && letter != ':')
                .filter(|word| word.starts_with(['#', ':']))
                .collect();
            let fields = ["ExpressionAttributeNames", "ExpressionAttributeValues"];
            let objects = fields.iter().filter_map(|field| arguments.get(field).and_then(Value::as_object));
            let declared: BTreeSet<&str> = objects.flat_map(|object| object.keys().map(|key| &**key)).collect();
            assert_eq!(used, declared, "{}: {name}", workflow.name);
        });
    }
}

/// The other side of the contract: functions and workers read what the definitions give them.
#[test]
fn functions_and_workers_can_read_what_they_are_given() {
    let mut read = 0;
    for workflow in workflows() {
        let definition = workflow.definition();
        for case in &workflow.suite().cases {
            for order in &run(&definition, &workflow.name, case).orders {
                if let Some(problem) = unreadable(order) {
                    panic!("{}/{}: {}: {problem}", workflow.name, case.name, order.state);
                }
                read += 1;
            }
        }
    }
    assert!(read > 1_000, "only {read} orders");
}

/// Why the task's receiver would refuse its parameters.
fn unreadable(order: &execution::TaskOrder) -> Option<String> {
    let given = serde_json::Value::from(&order.parameters);
    let function = given["FunctionName"].as_str().unwrap_or(&order.resource);
    let payload = given.get("Payload").unwrap_or(&given);
    let text = |error: operations::Error| error.message().to_owned();
    match function.rsplit(':').next().unwrap_or_default() {
        "incident-notify-human" => operations::message::Message::compose(payload).map(drop).map_err(text),
        "incident-assess" => operations::incident::Request::parse(payload).map(drop).map_err(text),
        "recovery-watcher" => operations::verify::Request::parse(payload).map(drop).map_err(text),
        "migration-runner" => operations::migration::Request::parse(payload).map(drop).map_err(text),
        "smoke-tester" => operations::probe::Smoke::parse(payload).map(drop).map_err(text),
        "load-replayer" | "auto-scaling-optimizer" | "cost-optimization-analyzer" | "performance-analyzer" => {
            proposed(payload).map_err(text)
        }
        "deployment-assess" if payload["operation"] == "check" => judged(payload).map_err(text),
        "deployment-act" if payload["operation"] == "act" => {
            operations::deployment::Plan::of_payload(payload).map(drop).map_err(text)
        }
        name if name.starts_with("incident-") => acting(payload).map_err(text),
        _ => Ok(()),
    }
    .err()
}

/// Every proposal that a definition hands on must be readable, with the plan that was made of it.
fn proposed(payload: &serde_json::Value) -> Result<(), operations::Error> {
    if !["propose", "analyse", "account"].contains(&payload["operation"].as_str().unwrap_or_default()) {
        operations::proposal::Proposal::of_payload(payload)?;
    }
    if payload.get("plan").is_some() {
        operations::plan::Plan::of_payload(payload)?;
    }
    Ok(())
}

fn judged(payload: &serde_json::Value) -> Result<(), operations::Error> {
    operations::gate::identified::Known::of_payload(payload)?;
    operations::gate::Resolved::of_payload(payload)?;
    for field in ["logs", "scans", "usage"] {
        operations::gate::Reading::of_payload(payload, field)?;
    }
    Ok(())
}

fn acting(payload: &serde_json::Value) -> Result<(), operations::Error> {
    operations::incident::Request::parse(payload)?;
    if payload["operation"] != "plan" {
        let plan = operations::plan::Plan::of_payload(payload)?;
        operations::verify::Request::parse(&plan.verify)?;
    }
    if payload.get("lease").is_some() {
        let payload = operations::field::Object::of(payload, "", operations::error::Kind::InvalidInput)?;
        operations::plan::capacity_lease::Record::of_lease(&payload.object("lease")?)?;
    }
    Ok(())
}

//! Releases, end to end: gates, hooks, workers and the sandbox's platforms as real processes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use end_to_end::{Options, Stack, binary};
use serde_json::{Value, json};

const ECS: &str = "AmazonEC2ContainerServiceV20141113";
const CODEDEPLOY: &str = "CodeDeploy_20141006";

/// A stack whose server starts every worker of the local stack.
fn with_workers() -> Options {
    Options { worker: false, server_workers: true, ..Options::default() }
}

/// Registers a revision of a service whose image behaves so; its ARN. `latency` means
/// 40 % slower, `error-rate` 60 % errors.
async fn revision(stack: &Stack, service: &str, behaviour: &str) -> String {
    let mut release = json!({"service": service, "tag": behaviour, "behaviour": behaviour});
    match behaviour {
        "latency" => release["amount"] = json!(1.4),
        "error-rate" => release["amount"] = json!(60),
        _ => {}
    }
    stack.account.control("POST", "release", release).await;
    let asked = json!({"taskDefinition": service});
    let described = stack.account.aws(&format!("{ECS}.DescribeTaskDefinition"), asked).await;
    let mut definition = described["taskDefinition"].clone();
    let image = definition["containerDefinitions"][0]["image"].as_str().expect("an image").to_owned();
    let repository = image.rsplit_once(':').expect("a tag").0;
    definition["containerDefinitions"][0]["image"] = json!(format!("{repository}:{behaviour}"));
    let fields = definition.as_object_mut().expect("an object");
    for answered in ["taskDefinitionArn", "revision", "status", "registeredAt", "requiresAttributes", "compatibilities"]
    {
        fields.remove(answered);
    }
    let made = stack.account.aws(&format!("{ECS}.RegisterTaskDefinition"), definition).await;
    made["taskDefinition"]["taskDefinitionArn"].as_str().expect("an ARN").to_owned()
}

/// Releases `orders` by CodeDeploy, with the hooks of `infra/deployment/appspec.yaml`; the deployment's id.
async fn codedeploy(stack: &Stack, behaviour: &str) -> String {
    let definition = revision(stack, "orders", behaviour).await;
    let appspec = include_str!("../../infra/deployment/appspec.yaml").replace("<TASK_DEFINITION_ARN>", &definition);
    let appspec = appspec.replace("<CONTAINER>", "orders").replace("<PORT>", "8080");
    let create = json!({"applicationName": "orders", "deploymentGroupName": "orders",
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": appspec}}});
    let made = stack.account.aws(&format!("{CODEDEPLOY}.CreateDeployment"), create).await;
    made["deploymentId"].as_str().expect("an id").to_owned()
}

/// Waits until CodeDeploy says how a deployment ended.
async fn codedeploy_ended(stack: &Stack, id: &str) -> Value {
    let ended = async || {
        let asked = json!({"deploymentId": id});
        let info = stack.account.aws(&format!("{CODEDEPLOY}.GetDeployment"), asked).await["deploymentInfo"].clone();
        matches!(info["status"].as_str(), Some("Succeeded" | "Failed" | "Stopped")).then_some(info)
    };
    eventually(stack, "CodeDeploy", ended).await
}

/// Asks again and again until there is an answer.
async fn eventually<T>(stack: &Stack, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..3000 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} does not come to an end:\n{}", stack.cli(&["list"]).1);
}

/// The answers that hooks gave CodeDeploy, in order.
async fn answers(stack: &Stack) -> Vec<String> {
    let calls = stack.account.calls("PutLifecycleEventHookExecutionStatus").await;
    calls.iter().map(|call| call["parameters"]["status"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The images that serve a service's production traffic, each with its share in percent.
async fn serving(stack: &Stack, service: &str) -> Vec<(String, f64)> {
    let state = stack.account.control("GET", "state", Value::Null).await;
    let services = state["services"].as_array().cloned().unwrap_or_default();
    let found = services.into_iter().find(|known| known["name"] == service).expect("the service is there");
    let sets = found["taskSets"].as_array().cloned().unwrap_or_default();
    let share = |set: &Value| Some((set["image"].as_str()?.to_owned(), set["productionPercent"].as_f64()?));
    sets.iter().filter_map(share).filter(|(_, share)| *share > 0.0).collect()
}

/// One image serves everything.
fn all(image: &str) -> Vec<(String, f64)> {
    vec![(image.to_owned(), 100.0)]
}

/// Runs `blue-green-deployment` of `checkout`.
async fn orchestrate(stack: &Stack, behaviour: &str) -> (ExecutionStatus, Value) {
    stack.ended(&begin(stack, behaviour).await).await
}

async fn begin(stack: &Stack, behaviour: &str) -> String {
    let definition = revision(stack, "checkout", behaviour).await;
    let input = json!({"target": "checkout", "deploymentId": "release-1", "taskDefinition": definition, "mode": "apply",
        "requestedBy": {"type": "pipeline", "id": "test"}});
    stack.start_execution("blue-green-deployment", &input).await
}

#[tokio::test]
async fn a_good_release_passes_five_hooks_and_is_promoted() {
    let stack = Stack::start(with_workers()).await;
    let id = codedeploy(&stack, "good").await;
    let info = codedeploy_ended(&stack, &id).await;
    assert_eq!(info["status"], "Succeeded", "{info}");
    assert_eq!(answers(&stack).await, ["Succeeded"; 5]);
    let hooks = [
        "validate-before-install",
        "validate-deployment",
        "validate-test-traffic",
        "run-migrations",
        "validate-production",
    ];
    for hook in hooks {
        let arn = format!("arn:aws:states:us-east-1:123456789012:execution:deployment-validation:{id}-{hook}");
        let (status, output) = stack.ended(&arn).await;
        assert_eq!((status, &output["decision"]), (ExecutionStatus::Succeeded, &json!("PROMOTE")), "{output}");
    }
    assert_eq!(serving(&stack, "orders").await, all("good"));
}

#[tokio::test]
async fn a_release_that_answers_with_errors_is_stopped_before_it_has_users() {
    let stack = Stack::start(with_workers()).await;
    let id = codedeploy(&stack, "error-rate").await;
    let info = codedeploy_ended(&stack, &id).await;
    assert_eq!(info["status"], "Failed", "{info}");
    assert_eq!(answers(&stack).await, ["Succeeded", "Succeeded", "Failed"], "the third hook is the smoke test's");
    let arn =
        format!("arn:aws:states:us-east-1:123456789012:execution:deployment-validation:{id}-validate-test-traffic");
    let (_, output) = stack.ended(&arn).await;
    assert_eq!(output["reason"]["Error"], "Ops.SmokeTestFailed", "{output}");
    assert_eq!(serving(&stack, "orders").await, all("orders-87"));
}

/// A function binary whose `deployment-assess` dies at once.
fn dying_assessment(folder: &std::path::Path) -> PathBuf {
    let script = folder.join("bootstrap");
    let bootstrap = binary("bootstrap");
    let text = format!("#!/bin/sh\n[ \"$_HANDLER\" = deployment-assess ] && exit 1\nexec {}\n", bootstrap.display());
    std::fs::write(&script, text).expect("the script can be written");
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("it can be made a program");
    script
}

#[tokio::test]
async fn a_deployment_whose_validator_crashes_gets_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Stack::start(Options { lambda_binary: dying_assessment(folder.path()), ..with_workers() }).await;
    let id = codedeploy(&stack, "good").await;
    let info = codedeploy_ended(&stack, &id).await;
    assert_eq!(info["status"], "Failed", "{info}");
    assert_eq!(answers(&stack).await, ["Failed"]);
    let gate = "arn:aws:states:us-east-1:123456789012:execution:deployment-validation";
    let (status, failure) = stack.ended(&format!("{gate}:{id}-validate-before-install")).await;
    assert_eq!(status, ExecutionStatus::Failed, "{failure}");
    assert!(!stack.account.calls("SendMessage").await.is_empty(), "the failure is kept in the dead-letter queue");
}

#[tokio::test]
async fn a_good_release_is_shifted_step_by_step_and_promoted() {
    let stack = Stack::start(with_workers()).await;
    let (status, output) = orchestrate(&stack, "good").await;
    assert_eq!((status, &output["status"]), (ExecutionStatus::Succeeded, &json!("SUCCEEDED")), "{output}");
    assert_eq!(stack.account.calls("CreateTaskSet").await.len(), 1);
    assert_eq!(stack.account.calls("UpdateServicePrimaryTaskSet").await.len(), 1);
    assert_eq!(stack.account.calls("DeleteTaskSet").await.len(), 1, "blue is retired");
    assert_eq!(stack.account.calls("RegisterScalableTarget").await.len(), 2, "scale-in was suspended and resumed");
}

/// The stage whose gate said no.
fn stopped_at(output: &Value) -> &str {
    let gates = output["gates"].as_array().expect("the report lists its gates");
    let stopped = gates.iter().find(|gate| gate["decision"] == "ROLLBACK").expect("a gate said no");
    stopped["stage"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_quota_too_small_for_green_refuses_before_anything_is_installed() {
    let stack = Stack::start(with_workers()).await;
    // 18 tasks of a vCPU run, 4 are to come.
    stack.account.control("POST", "quota", json!({"vcpu": 20})).await;
    let (status, output) = orchestrate(&stack, "good").await;
    assert_eq!((status, &output["status"]), (ExecutionStatus::Succeeded, &json!("REJECTED")), "{output}");
    assert_eq!(stopped_at(&output), "before-install", "{output}");
    let told = output.to_string();
    assert!(told.contains("need 4 beside 18 in use, the quota is 20: raise quota L-3032A538"), "{output}");
    assert_eq!(stack.account.calls("CreateTaskSet").await.len(), 0, "nothing was installed");
    assert_eq!(serving(&stack, "checkout").await, all("checkout-61"));
}

/// The states of `blue-green-deployment` that take a snapshot, as a state machine of their own.
fn snapshot_machine(database: &str) -> Value {
    let release = example(include_str!("../../statemachines/blue-green-deployment/definition.asl.json"));
    let names = ["Create snapshot", "Await snapshot", "Read snapshot", "Judge snapshot"];
    let mut states: serde_json::Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), release["States"][name].clone())).collect();
    let begin = json!({"Type": "Pass", "Next": "Create snapshot", "Assign": {"timeline": [], "contract": {},
        "snapshot": {"id": "contract-checkout-1", "database": database, "status": "",
            "until": "{% $millis() + 3600000 %}"}}});
    states.insert("Begin release".to_owned(), begin);
    states.insert("Read kill switch".to_owned(), json!({"Type": "Pass", "Output": "{% $snapshot %}", "End": true}));
    states.insert("Report release".to_owned(), json!({"Type": "Pass", "Output": "{% $contract %}", "End": true}));
    json!({"QueryLanguage": "JSONata", "StartAt": "Begin release", "States": states})
}

#[tokio::test]
async fn a_snapshot_is_made_once_and_waited_for() {
    let stack = Stack::start(with_workers()).await;
    let run = async |name: &str, database: &str| {
        let definition = snapshot_machine(database).to_string();
        let role = "arn:aws:iam::123456789012:role/releases";
        let made = stack.client.create_state_machine().name(name).role_arn(role).definition(definition).send().await;
        made.unwrap_or_else(|error| panic!("{error:?}"));
        stack.ended(&stack.start_execution(name, &json!({})).await).await.1
    };
    let first = run("first", "orders-db").await;
    assert_eq!(first["status"], "available", "{first}");
    assert!(stack.account.calls("DescribeDBSnapshots").await.len() > 1, "it was waited for");
    assert_eq!(run("again", "orders-db").await["status"], "available", "a repeated call takes the one that is there");
    let state = stack.account.control("GET", "calls", Value::Null).await;
    let asked = state.as_array().unwrap().iter().filter(|call| call["operation"] == "CreateDBSnapshot");
    assert_eq!(asked.map(|call| call["status"].clone()).collect::<Vec<_>>(), [json!(200), json!(400)]);
    let refused = run("elsewhere", "gone-db").await;
    assert_eq!(refused["status"], "postponed", "{refused}");
    let reason = refused["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("no snapshot of gone-db: Rds.DbInstanceNotFoundException"), "{refused}");
}

#[tokio::test]
async fn a_slow_release_is_caught_at_the_canary_and_blue_is_restored() {
    let stack = Stack::start(with_workers()).await;
    let (status, output) = orchestrate(&stack, "latency").await;
    assert_eq!((status, &output["status"]), (ExecutionStatus::Succeeded, &json!("ROLLED_BACK")), "{output}");
    assert_eq!(stopped_at(&output), "shift", "{output}");
    assert_eq!(serving(&stack, "checkout").await, all("checkout-61"));
    assert_eq!(stack.account.calls("UpdateServicePrimaryTaskSet").await.len(), 0, "green was never promoted");
    assert_eq!(stack.account.calls("DeleteTaskSet").await.len(), 1, "green is retired");
}

#[tokio::test]
async fn a_release_survives_kill_9_of_the_server() {
    let mut stack = Stack::start(with_workers()).await;
    let execution = begin(&stack, "good").await;
    for operation in ["CreateTaskSet", "ModifyListener", "ModifyRule"] {
        let called = async || (!stack.account.calls(operation).await.is_empty()).then_some(());
        eventually(&stack, operation, called).await;
        stack.crash_and_restart().await;
    }
    let (status, output) = stack.ended(&execution).await;
    assert_eq!((status, &output["status"]), (ExecutionStatus::Succeeded, &json!("SUCCEEDED")), "{output}");
    assert_eq!(stack.account.calls("CreateTaskSet").await.len(), 1, "green was made once");
}

/// Releases `search` by ECS; the ARN of the service deployment.
async fn native(stack: &Stack, behaviour: &str, configuration: Value) -> String {
    let definition = revision(stack, "search", behaviour).await;
    let update = json!({"cluster": "production", "service": "search", "taskDefinition": definition,
        "deploymentConfiguration": configuration});
    stack.account.aws(&format!("{ECS}.UpdateService"), update).await;
    let asked = json!({"cluster": "production", "service": "search"});
    let listed = stack.account.aws(&format!("{ECS}.ListServiceDeployments"), asked).await;
    listed["serviceDeployments"][0]["serviceDeploymentArn"].as_str().expect("an ARN").to_owned()
}

/// An example of `infra/deployment`.
fn example(text: &str) -> Value {
    serde_json::from_str(text).expect("the example is JSON")
}

async fn native_ended(stack: &Stack, arn: &str) -> String {
    let ended = async || {
        let asked = json!({"serviceDeploymentArns": [arn]});
        let answer = stack.account.aws(&format!("{ECS}.DescribeServiceDeployments"), asked).await;
        let status = answer["serviceDeployments"][0]["status"].as_str().unwrap_or_default().to_owned();
        matches!(&*status, "SUCCESSFUL" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED" | "STOPPED").then_some(status)
    };
    eventually(stack, "ECS", ended).await
}

#[tokio::test]
async fn a_crash_loop_meets_no_traffic() {
    let stack = Stack::start(with_workers()).await;
    let (status, output) = orchestrate(&stack, "crash-loop").await;
    assert_eq!((status, &output["status"]), (ExecutionStatus::Succeeded, &json!("ROLLED_BACK")), "{output}");
    assert_eq!(stopped_at(&output), "after-install", "{output}");
    assert_eq!(serving(&stack, "checkout").await, all("checkout-61"));
}

#[tokio::test]
async fn ecs_asks_its_lambda_hook_at_every_stage_and_promotes() {
    let stack = Stack::start(with_workers()).await;
    let mut hooks = example(include_str!("../../infra/deployment/lifecycle-hooks.json"));
    hooks["lifecycleHooks"][0]["hookTargetArn"] =
        json!("arn:aws:lambda:us-east-1:123456789012:function:ecs-deployment-hook");
    hooks["lifecycleHooks"][0]["roleArn"] = json!("arn:aws:iam::123456789012:role/hooks");
    let arn = native(&stack, "good", hooks).await;
    assert_eq!(native_ended(&stack, &arn).await, "SUCCESSFUL");
    assert_eq!(serving(&stack, "search").await, all("good"));
    let list = stack.client.list_executions().state_machine_arn(Stack::machine("deployment-validation"));
    let listed = list.send().await.unwrap();
    for stage in ["before-install", "after-install", "test-traffic", "shift", "production"] {
        let named = listed.executions().iter().find(|execution| execution.name().contains(stage));
        let (_, output) = stack.ended(named.unwrap_or_else(|| panic!("no gate at {stage}")).execution_arn()).await;
        assert_eq!(output["decision"], "PROMOTE", "{output}");
    }
}

#[tokio::test]
async fn a_pause_hook_is_continued_by_an_execution_that_eventbridge_started() {
    let stack = Stack::start(with_workers()).await;
    let rule = include_str!("../../infra/deployment/pause-hook-rule.json");
    let rule = example(&rule.replace("${ServiceArn}", "arn:aws:ecs:us-east-1:123456789012:service/production/search"));
    let pattern = rule["EventPattern"].to_string();
    stack.account.aws("AWSEvents.PutRule", json!({"Name": rule["Name"], "EventPattern": pattern})).await;
    let mut target = rule["Target"].clone();
    target["Id"] = json!("gate");
    target["Arn"] = json!(Stack::machine("deployment-validation"));
    target["RoleArn"] = json!("arn:aws:iam::123456789012:role/events");
    stack.account.aws("AWSEvents.PutTargets", json!({"Rule": rule["Name"], "Targets": [target]})).await;
    let hooks = example(include_str!("../../infra/deployment/pause-hook.json"));
    let arn = native(&stack, "good", hooks).await;
    assert_eq!(native_ended(&stack, &arn).await, "SUCCESSFUL");
    let continued = stack.account.calls("ContinueServiceDeployment").await;
    assert_eq!(continued.len(), 2, "one for each stage with a hook: {continued:?}");
    assert!(continued.iter().all(|call| call["parameters"]["action"] == "CONTINUE"), "{continued:?}");
}

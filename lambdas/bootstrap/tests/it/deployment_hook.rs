//! The hook functions. Step Functions is played by the test.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::deployment::{definition, send};
use crate::support::{World, services_at};
use crate::web_server::WebServer;
use clients::{Clock, Environment};
use deployment_hook::{CodeDeployHook, EcsHook, Executions, Hook, Started, State, StepFunctions};
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::error::Kind;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:deployment-validation";
const ENVIRONMENT: [(&str, &str); 3] =
    [("ECS_CLUSTER", "production"), ("ECS_SERVICE", "orders"), ("DEPLOYMENT_VALIDATION_STATE_MACHINE_ARN", MACHINE)];

/// Executions that begin in a certain way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Beginning {
    Normal,
    Panic,
    Hang,
    Refuse(Kind),
}

#[derive(Debug, Clone)]
struct Played {
    beginning: Beginning,
    begun: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Played {
    fn new(beginning: Beginning) -> Self {
        Self { beginning, begun: Arc::default() }
    }
}

impl Executions for Played {
    async fn start(&self, name: &str, input: &Value) -> Result<Started, Error> {
        match self.beginning {
            Beginning::Normal => {}
            Beginning::Panic => panic!("as the test wants it"),
            Beginning::Hang => std::future::pending().await,
            Beginning::Refuse(kind) => return Err(Error::new(kind, "refused")),
        }
        let mut begun = self.begun.lock().unwrap();
        let before = begun.iter().any(|(other, _)| other == name);
        begun.push((name.to_owned(), input.clone()));
        Ok(if before { Started::Before } else { Started::Now })
    }

    async fn state(&self, _: &str) -> Result<State, Error> {
        Ok(State { status: "RUNNING".to_owned(), ..State::default() })
    }
}

/// The sandbox with a deployment of `orders` that waits for its first hook, and the event of that hook.
async fn waiting() -> (World, Value) {
    let world = World::start().await;
    let lambda = WebServer::start(&[(202, "", "")]).await;
    world.sandbox().connect(Some(lambda.url.clone()), None);
    let properties = json!({"TaskDefinition": definition("orders", 88),
        "LoadBalancerInfo": {"ContainerName": "orders", "ContainerPort": 8080}});
    let service = json!({"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}});
    let hooks = json!([{"BeforeInstall": "validate-before-install"}]);
    let content = json!({"version": 0.0, "Resources": [service], "Hooks": hooks}).to_string();
    let create = json!({"applicationName": "orders", "deploymentGroupName": "orders",
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}});
    send(&world, "CodeDeploy_20141006.CreateDeployment", create).await;
    for _ in 0..20 {
        world.seconds(1);
        world.sandbox().settled().await;
    }
    let invoked = lambda.until(|request| request.line.contains("validate-before-install")).await;
    (world, serde_json::from_str(&invoked.body).unwrap())
}

async fn status(world: &World, event: &Value) -> Value {
    let asked = json!({"deploymentId": event["DeploymentId"]});
    let answer = send(world, "CodeDeploy_20141006.GetDeployment", asked).await;
    answer["deploymentInfo"]["status"].clone()
}

fn hook(world: &World, executions: Played) -> CodeDeployHook<Played> {
    CodeDeployHook::with(
        Hook::ValidateBeforeInstall,
        world.services("validate-before-install", ENVIRONMENT),
        executions,
    )
}

async fn invoke(function: &impl Function, event: &Value, time: Duration) -> Result<Value, Error> {
    function.call(event.clone(), Invocation::within(time)).await
}

const TIME: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_event_delivered_twice_starts_one_execution() {
    let (world, event) = waiting().await;
    let executions = Played::new(Beginning::Normal);
    let function = hook(&world, executions.clone());
    let first = invoke(&function, &event, TIME).await.unwrap();
    let second = invoke(&function, &event, TIME).await.unwrap();
    assert_eq!((&first["started"], &second["started"]), (&json!(true), &json!(false)));
    let begun = executions.begun.lock().unwrap().clone();
    assert_eq!(begun[0], begun[1]);
    let id = event["DeploymentId"].as_str().unwrap();
    assert_eq!(begun[0].0, format!("{id}-validate-before-install"));
    let deployment = json!({"kind": "codedeploy", "deploymentId": id,
        "hookExecutionId": event["LifecycleEventHookExecutionId"]});
    assert_eq!(
        begun[0].1,
        json!({"stage": "before-install", "target": "orders", "cluster": "production", "service": "orders",
            "deployment": deployment})
    );
    assert_eq!(status(&world, &event).await, "InProgress", "the execution answers, not the function");
}

#[tokio::test]
async fn codedeploy_is_told_whatever_goes_wrong() {
    let cases = [
        (Beginning::Refuse(Kind::AccessDenied), "Ops.AccessDenied"),
        (Beginning::Refuse(Kind::Throttled), "Ops.Throttled"),
        (Beginning::Panic, "Ops.ConfigInvalid"),
        (Beginning::Hang, "Ops.DependencyTimeout"),
    ];
    for (beginning, name) in cases {
        let (world, event) = waiting().await;
        let function = hook(&world, Played::new(beginning));
        let error = invoke(&function, &event, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.name(), name, "{error}");
        assert!(error.message().contains("CodeDeploy was told that the hook failed"), "{error}");
        world.seconds(5);
        assert_eq!(status(&world, &event).await, "Failed", "{name}");
        // Lambda delivers a failed asynchronous event again.
        let error = invoke(&function, &event, Duration::from_secs(1)).await.unwrap_err();
        assert!(error.message().contains("CodeDeploy was told"), "it knew already: {error}");
    }
}

#[tokio::test]
async fn an_incomplete_environment_is_told_too() {
    for missing in 0..ENVIRONMENT.len() {
        let (world, event) = waiting().await;
        let mut environment = ENVIRONMENT;
        environment[missing].1 = "";
        let services = world.services("validate-before-install", environment);
        let error =
            invoke(&CodeDeployHook::new(Hook::ValidateBeforeInstall, services), &event, TIME).await.unwrap_err();
        assert_eq!(error.name(), "Ops.ConfigInvalid");
        assert!(error.message().contains(&format!("{} is not set", ENVIRONMENT[missing].0)), "{error}");
        world.seconds(5);
        assert_eq!(status(&world, &event).await, "Failed");
    }
}

#[tokio::test]
async fn telling_is_tried_again_and_its_failure_is_said() {
    let (world, event) = waiting().await;
    let function = hook(&world, Played::new(Beginning::Refuse(Kind::AccessDenied)));
    for _ in 0..2 {
        world.error("codedeploy", "PutLifecycleEventHookExecutionStatus", 503, "ServiceUnavailable");
    }
    let error = invoke(&function, &event, TIME).await.unwrap_err();
    assert!(error.message().contains("CodeDeploy was told"), "the third try: {error}");
    world.seconds(5);
    assert_eq!(status(&world, &event).await, "Failed");
    world.error("codedeploy", "PutLifecycleEventHookExecutionStatus", 400, "AccessDeniedException");
    let error = invoke(&function, &event, TIME).await.unwrap_err();
    assert!(error.message().contains("nor could CodeDeploy be told"), "{error}");
}

#[tokio::test]
async fn an_event_of_somebody_else_is_refused() {
    let world = World::start().await;
    let function = hook(&world, Played::new(Beginning::Normal));
    let error = invoke(&function, &json!({"stage": "before-install"}), TIME).await.unwrap_err();
    assert_eq!(error.name(), "Ops.InvalidInput");
    assert!(error.message().starts_with("DeploymentId is missing"), "{error}");
}

fn step_functions(server: &WebServer) -> Services {
    services_at("", &server.url, ENVIRONMENT, Clock::default())
}

#[tokio::test]
async fn step_functions_is_asked_in_its_own_words() {
    let started = r#"{"executionArn": "arn", "startDate": 1}"#;
    let exists = r#"{"__type": "ExecutionAlreadyExists", "message": "it is there"}"#;
    let absent = r#"{"__type": "StateMachineDoesNotExist", "message": "it is not there"}"#;
    let answers = [(200, "", started), (400, "", exists), (400, "", absent)];
    let server = WebServer::start(&answers).await;
    let executions = StepFunctions::new(&step_functions(&server));
    let input = json!({"stage": "shift"});
    assert_eq!(executions.start("n", &input).await.unwrap(), Started::Now);
    assert_eq!(executions.start("n", &input).await.unwrap(), Started::Before);
    assert_eq!(executions.start("n", &input).await.unwrap_err().name(), "Ops.ConfigInvalid");
    let sent: Value = serde_json::from_str(&server.received()[0].body).unwrap();
    assert_eq!((&sent["stateMachineArn"], &sent["name"]), (&json!(MACHINE), &json!("n")));
    assert_eq!(sent["input"], json!(input.to_string()));

    let described = json!({"executionArn": "a", "stateMachineArn": MACHINE, "status": "SUCCEEDED", "startDate": 1,
        "output": json!({"decision": "PROMOTE"}).to_string()})
    .to_string();
    let server = WebServer::start(&[(200, "", &described)]).await;
    let state = StepFunctions::new(&step_functions(&server)).state("n").await.unwrap();
    assert_eq!((state.status.as_str(), &state.output["decision"]), ("SUCCEEDED", &json!("PROMOTE")));
    let sent: Value = serde_json::from_str(&server.received()[0].body).unwrap();
    assert_eq!(sent["executionArn"], format!("{}:n", MACHINE.replace(":stateMachine:", ":execution:")));
}

/// The event that the sandbox, as ECS, sends at the first stage of a deployment of `search`.
async fn lifecycle_event() -> (World, Value) {
    let world = World::start().await;
    let lambda = WebServer::start(&[(200, "", r#"{"hookStatus": "IN_PROGRESS"}"#)]).await;
    world.sandbox().connect(Some(lambda.url.clone()), None);
    let update = json!({"cluster": "production", "service": "search", "taskDefinition": "search:34"});
    send(&world, "AmazonEC2ContainerServiceV20141113.UpdateService", update).await;
    for _ in 0..20 {
        world.seconds(1);
        world.sandbox().settled().await;
    }
    let invoked = lambda.until(|request| request.line.contains("ecs-deployment-hook")).await;
    (world, serde_json::from_str(&invoked.body).unwrap())
}

#[tokio::test]
async fn ecs_is_answered_with_the_gates_decision() {
    let (world, event) = lifecycle_event().await;
    let started = r#"{"executionArn": "arn", "startDate": 1}"#;
    let exists = r#"{"__type": "ExecutionAlreadyExists", "message": "it is there"}"#;
    let state = |status: &str, output: Value| {
        json!({"executionArn": "a", "stateMachineArn": MACHINE, "status": status, "startDate": 1,
            "output": output.to_string()})
        .to_string()
    };
    let running = state("RUNNING", Value::Null);
    let promotes = state("SUCCEEDED", json!({"decision": "PROMOTE"}));
    let returns = state("SUCCEEDED", json!({"decision": "ROLLBACK", "summary": "slower"}));
    let answers = [
        (200, "", started),
        (400, "", exists),
        (200, "", running.as_str()),
        (400, "", exists),
        (200, "", promotes.as_str()),
        (400, "", exists),
        (200, "", returns.as_str()),
    ];
    let server = WebServer::start(&answers).await;
    let function = EcsHook::new(step_functions(&server));
    let mut said = Vec::new();
    for _ in 0..4 {
        let answer = invoke(&function, &event, TIME).await.unwrap();
        said.push(answer["hookStatus"].as_str().unwrap().to_owned());
        if answer["hookStatus"] == "IN_PROGRESS" {
            assert_eq!(answer["callBackDelay"], 30);
        }
    }
    assert_eq!(said, ["IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED", "FAILED"]);
    let sent: Value = serde_json::from_str(&server.received()[0].body).unwrap();
    let input: Value = serde_json::from_str(sent["input"].as_str().unwrap()).unwrap();
    assert_eq!((&input["stage"], &input["target"]), (&json!("before-install"), &json!("search")));
    assert_eq!(input["deployment"]["kind"], "ecs");
    let arn = input["deployment"]["serviceDeploymentArn"].as_str().unwrap();
    assert!(arn.contains(":service-deployment/production/search/"), "{arn}");
    let last = arn.rsplit('/').next().unwrap();
    assert!(sent["name"].as_str().unwrap().starts_with(&format!("{last}-before-install-")), "{sent}");
    assert!(world.now() > 0);
}

#[tokio::test]
async fn each_traffic_step_is_a_gate_of_its_own() {
    let world = World::start().await;
    let executions = Played::new(Beginning::Normal);
    let function = EcsHook::with(world.services("ecs-deployment-hook", ENVIRONMENT), executions.clone());
    let revision = "arn:aws:ecs:us-east-1:123456789012:service-revision/production/search/2";
    let mut event = json!({"lifecycleStage": "POST_PRODUCTION_TRAFFIC_SHIFT",
        "resourceArn": "arn:aws:ecs:us-east-1:123456789012:service-deployment/production/search/D1",
        "executionDetails": {"serviceArn": "arn:aws:ecs:us-east-1:123456789012:service/production/search",
            "targetServiceRevisionArn": revision, "productionTrafficWeights": {revision: 10.0}}});
    for weight in [10.0, 20.0, 20.0] {
        event["executionDetails"]["productionTrafficWeights"][revision] = json!(weight);
        invoke(&function, &event, TIME).await.unwrap();
    }
    event["lifecycleStage"] = json!("PRE_PRODUCTION_TRAFFIC_SHIFT");
    invoke(&function, &event, TIME).await.unwrap();
    let begun = executions.begun.lock().unwrap().clone();
    let names: Vec<_> = begun.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["D1-production-10", "D1-production-20", "D1-production-20", "D1-shift-20"]);
    let weights: Vec<_> = begun.iter().map(|(_, input)| input.get("weight").cloned()).collect();
    assert_eq!(weights, [Some(json!(10.0)), Some(json!(20.0)), Some(json!(20.0)), None]);
}

#[tokio::test]
async fn stages_without_a_gate_pass_and_what_is_wrong_rolls_back() {
    let (_world, mut event) = lifecycle_event().await;
    let server = WebServer::start(&[(400, "", r#"{"__type": "AccessDeniedException", "message": "no"}"#)]).await;
    let function = EcsHook::new(step_functions(&server));
    let refused = invoke(&function, &event, TIME).await.unwrap();
    assert_eq!(
        (&refused["hookStatus"], &refused["hookDetails"]["error"]),
        (&json!("FAILED"), &json!("Ops.AccessDenied"))
    );
    let calls = server.received().len();
    event["lifecycleStage"] = json!("TEST_TRAFFIC_SHIFT");
    assert_eq!(invoke(&function, &event, TIME).await.unwrap()["hookStatus"], "SUCCEEDED");
    let strange = invoke(&function, &json!({"hello": "world"}), TIME).await.unwrap();
    assert_eq!(
        (&strange["hookStatus"], &strange["hookDetails"]["error"]),
        (&json!("FAILED"), &json!("Ops.InvalidInput"))
    );
    let mut services = step_functions(&server);
    services.environment = Environment::default();
    event["lifecycleStage"] = json!("POST_SCALE_UP");
    let answer = invoke(&EcsHook::new(services), &event, TIME).await.unwrap();
    assert_eq!(answer["hookDetails"]["error"], "Ops.ConfigInvalid");
    assert_eq!(server.received().len(), calls);
}

//! Incidents, end to end: the workflow, the Lambdas, the worker and the sandbox as real processes.

use aws_sdk_sfn::types::ExecutionStatus;
use end_to_end::{Options, Stack};
use serde_json::{Value, json};

fn event(action: &str, target: &str, incident: &str) -> Value {
    json!({"action": action, "target": target, "incidentId": incident, "priority": "critical",
        "incidentDetails": {"title": format!("{target} is in trouble"), "description": "seen by an alarm"},
        "requestedBy": {"type": "alarm", "id": "latency-high"}})
}

/// Load that the sandbox's `api` cannot serve with the tasks it starts with.
async fn overload(stack: &Stack) {
    stack.account.control("POST", "load", json!({"service": "api", "requestsPerSecond": 900})).await;
    stack.account.rings("api-latency-p95").await;
}

/// Load that the sandbox's database cannot serve with the class it starts with.
async fn overload_database(stack: &Stack) {
    stack.account.control("POST", "load", json!({"service": "database", "requestsPerSecond": 2000})).await;
    stack.account.rings("database-cpu").await;
}

async fn hang(stack: &Stack) {
    stack.account.control("POST", "hang", json!({"service": "auth-service", "tasks": 2})).await;
    stack.account.rings("auth-service-unhealthy-hosts").await;
}

/// Stacks of tests that reach no watch.
fn without_worker() -> Options {
    Options { worker: false, ..Options::default() }
}

/// Sets the kill switch.
async fn switch(stack: &Stack, value: &str) {
    let parameter = json!({"Name": "/ops/production/automation", "Value": value, "Type": "String", "Overwrite": true});
    stack.account.aws("AmazonSSM.PutParameter", parameter).await;
}

/// Runs an incident and expects it to fail with this error; the cause.
async fn refused(stack: &Stack, event: &Value, error: &str) -> String {
    let (status, failure) = stack.ended(&stack.remediate(event).await).await;
    assert_eq!((status, &failure["error"]), (ExecutionStatus::Failed, &json!(error)), "{failure}");
    failure["cause"].as_str().unwrap_or_default().to_owned()
}

/// No call that changes anything outside our own tables was carried out.
async fn untouched(stack: &Stack) {
    for operation in ["UpdateService", "RegisterScalableTarget", "StopTask", "ModifyDBInstance"] {
        assert_eq!(stack.account.calls(operation).await.len(), 0, "{operation} was called");
    }
}

fn succeeded(ended: &(ExecutionStatus, Value)) -> &Value {
    assert_eq!(ended.0, ExecutionStatus::Succeeded, "{}", ended.1);
    assert_eq!(ended.1["status"], "SUCCEEDED", "{}", ended.1);
    &ended.1
}

#[tokio::test]
async fn an_overloaded_service_is_scaled_up_and_recovers() {
    let stack = Stack::start(Options::default()).await;
    overload(&stack).await;
    let execution = stack.remediate(&event("scale_up", "api", "incident-1")).await;
    let ended = stack.ended(&execution).await;
    let output = succeeded(&ended);
    assert!(!output["changes"].as_array().unwrap().is_empty(), "{output}");
    assert!(!output["evidence"].as_array().unwrap().is_empty(), "{output}");
    assert_eq!(stack.account.calls("RegisterScalableTarget").await.len(), 1);
    assert!(!stack.account.calls("Publish").await.is_empty(), "people were told");

    // The same event again is recognised: nothing is done twice.
    let again = stack.remediate(&event("scale_up", "api", "incident-1")).await;
    let (status, output) = stack.ended(&again).await;
    assert_eq!((status, &output["status"]), (ExecutionStatus::Succeeded, &json!("NOOP")), "{output}");
    assert_eq!(stack.account.calls("RegisterScalableTarget").await.len(), 1);
}

#[tokio::test]
async fn a_plan_names_exactly_the_calls_that_apply_makes() {
    let stack = Stack::start(Options::default()).await;
    overload(&stack).await;
    let mut plan = event("scale_up", "api", "incident-2");
    plan["mode"] = json!("plan");
    let (_, planned) = stack.ended(&stack.remediate(&plan).await).await;
    assert_eq!(planned["status"], "PLANNED", "{planned}");
    for operation in ["RegisterScalableTarget", "UpdateService", "PutItem", "UpdateItem"] {
        assert_eq!(stack.account.calls(operation).await.len(), 0, "a plan changes nothing: {operation}");
    }

    let ended = stack.ended(&stack.remediate(&event("scale_up", "api", "incident-2")).await).await;
    succeeded(&ended);
    let calls = planned["plan"]["calls"].as_array().unwrap();
    assert!(!calls.is_empty(), "{planned}");
    for call in calls {
        let made = stack.account.calls(call["operation"].as_str().unwrap()).await;
        assert_eq!(made.len(), 1, "{call} was made {} times", made.len());
        assert_eq!((&made[0]["service"], &made[0]["parameters"]), (&call["service"], &call["parameters"]));
    }
}

#[tokio::test]
async fn hanging_tasks_are_restarted_through_throttling_and_a_503() {
    let stack = Stack::start(Options::default()).await;
    hang(&stack).await;
    stack.account.fault("ecs", "UpdateService", 1, json!({"kind": "throttle"})).await;
    stack
        .account
        .fault("ecs", "UpdateService", 1, json!({"kind": "error", "status": 503, "code": "ServiceUnavailable"}))
        .await;
    let execution = stack.remediate(&event("restart_service", "auth-service", "incident-3")).await;
    let ended = stack.ended(&execution).await;
    succeeded(&ended);
    assert_eq!(stack.account.calls("UpdateService").await.len(), 1, "one restart, after two refusals");
    let failed =
        stack.history(&execution).await.iter().filter(|event| event.task_failed_event_details().is_some()).count();
    assert!(failed >= 2, "{failed} refusals stand in the history");
}

#[tokio::test]
async fn a_database_waits_for_a_person_and_goes_on_when_approved() {
    let stack = Stack::start(Options::default()).await;
    overload_database(&stack).await;
    let execution = stack.remediate(&event("scale_up", "database", "incident-4")).await;
    let approval = pending_approval(&stack, "incident-4-scale_up").await;
    assert_eq!(stack.account.calls("ModifyDBInstance").await.len(), 0, "nothing is done before the answer");
    let (code, text) = stack.cli(&["approve", &approval, "--as", "dba"]);
    assert_eq!(code, 0, "{text}");
    let ended = stack.ended(&execution).await;
    let output = succeeded(&ended);
    let facts = output["evidence"].as_array().unwrap();
    let cpu = facts.iter().find(|fact| fact["ref"] == "cpu").unwrap_or_else(|| panic!("no evidence of cpu: {output}"));
    assert!(cpu["value"].as_f64().unwrap() <= 80.0, "the larger class is not the end, a calm processor is: {cpu}");
    assert_eq!(stack.account.calls("ModifyDBInstance").await.len(), 1);
    let (code, text) = stack.cli(&["approve", &approval, "--as", "dba"]);
    assert_ne!(code, 0, "an approval is answered once: {text}");
}

#[tokio::test]
async fn a_denied_approval_ends_the_execution_and_changes_nothing() {
    let stack = Stack::start(Options::default()).await;
    overload_database(&stack).await;
    let execution = stack.remediate(&event("scale_up", "database", "incident-5")).await;
    let approval = pending_approval(&stack, "incident-5-scale_up").await;
    let (code, text) = stack.cli(&["deny", &approval, "--as", "dba", "--comment", "not now"]);
    assert_eq!(code, 0, "{text}");
    let (status, failure) = stack.ended(&execution).await;
    assert_eq!((status, &failure["error"]), (ExecutionStatus::Failed, &json!("Ops.ApprovalDenied")), "{failure}");
    assert_eq!(stack.account.calls("ModifyDBInstance").await.len(), 0);
}

#[tokio::test]
async fn an_unanswered_approval_expires() {
    let stack = Stack::start(Options { scale: 150.0, worker: false, ..Options::default() }).await;
    overload_database(&stack).await;
    let execution = stack.remediate(&event("scale_up", "database", "incident-6")).await;
    let (status, failure) = stack.ended(&execution).await;
    assert_eq!((status, &failure["error"]), (ExecutionStatus::Failed, &json!("Ops.ApprovalExpired")), "{failure}");
    assert_eq!(stack.account.calls("ModifyDBInstance").await.len(), 0);
}

#[tokio::test]
async fn a_question_is_withdrawn_when_its_reason_has_gone() {
    let stack = Stack::start(without_worker()).await;
    overload_database(&stack).await;
    let execution = stack.remediate(&event("scale_up", "database", "incident-20")).await;
    let approval = pending_approval(&stack, "incident-20-scale_up").await;
    stack.account.control("POST", "load", json!({"service": "database", "requestsPerSecond": 100})).await;
    let (status, output) = stack.ended(&execution).await;
    assert_eq!((status, &output["status"]), (ExecutionStatus::Succeeded, &json!("NOOP")), "{output}");
    assert!(output["timeline"].to_string().contains("withdrawn: the symptom is gone"), "{output}");
    assert_eq!(stack.account.state(&format!("approval#{approval}")).await["status"]["S"], "WITHDRAWN");
    let (code, text) = stack.cli(&["approve", &approval, "--as", "dba"]);
    assert!(code != 0 && text.contains("WITHDRAWN"), "{code}: {text}");
    untouched(&stack).await;
}

#[tokio::test]
async fn unknown_actions_and_targets_are_refused() {
    let stack = Stack::start(Options { worker: false, ..Options::default() }).await;
    for (action, target, error) in
        [("reboot_world", "api", "Ops.ActionNotAllowed"), ("restart_service", "warehouse", "Ops.UnknownTarget")]
    {
        let (status, failure) = stack.ended(&stack.remediate(&event(action, target, "incident-7")).await).await;
        assert_eq!((status, &failure["error"]), (ExecutionStatus::Failed, &json!(error)), "{failure}");
    }
    let (_, failure) = stack.ended(&stack.remediate(&json!({"action": 5})).await).await;
    assert_eq!(failure["error"], "Ops.InvalidInput");
    for field in ["action", "target", "incidentId"] {
        assert!(failure["cause"].as_str().unwrap().contains(field), "{failure}");
    }
}

#[tokio::test]
async fn an_action_that_the_catalogue_does_not_allow_is_refused() {
    let stack = Stack::start(without_worker()).await;
    let cause = refused(&stack, &event("clear_cache", "api", "incident-10"), "Ops.ActionNotAllowed").await;
    assert!(cause.contains("clear_cache is not among the allowedActions of api"), "{cause}");
    untouched(&stack).await;
}

#[tokio::test]
async fn a_frozen_target_is_left_alone() {
    let stack = Stack::start(without_worker()).await;
    overload(&stack).await;
    let freeze = json!({"TableName": "ops-catalog", "Key": {"catalogId": {"S": "api"}},
        "UpdateExpression": "SET frozenUntil = :until", "ExpressionAttributeValues": {":until": {"S": "2999-01-01T00:00:00Z"}}});
    stack.account.aws("DynamoDB_20120810.UpdateItem", freeze).await;
    let cause = refused(&stack, &event("scale_up", "api", "incident-11"), "Ops.Frozen").await;
    assert!(cause.contains("api is frozen until 2999-01-01T00:00:00"), "{cause}");
    untouched(&stack).await;
    assert_eq!(stack.account.calls("SendMessage").await.len(), 1, "the event is kept for a redrive");
    assert!(!stack.account.calls("Publish").await.is_empty(), "a person was told");
}

#[tokio::test]
async fn the_kill_switch_stops_everything_but_the_call_for_a_person() {
    let stack = Stack::start(without_worker()).await;
    overload(&stack).await;
    switch(&stack, "off").await;
    let cause = refused(&stack, &event("scale_up", "api", "incident-12"), "Ops.AutomationDisabled").await;
    assert!(cause.contains("/ops/production/automation is off"), "{cause}");
    let told = stack.account.calls("Publish").await.len();
    let ended = stack.ended(&stack.remediate(&event("notify_human", "api", "incident-12")).await).await;
    succeeded(&ended);
    assert_eq!(stack.account.calls("Publish").await.len(), told + 1);

    // With `observe` an apply becomes a plan, which writes nothing.
    switch(&stack, "observe").await;
    let (_, planned) = stack.ended(&stack.remediate(&event("scale_up", "api", "incident-13")).await).await;
    assert_eq!(planned["status"], "PLANNED", "{planned}");
    assert!(!planned["plan"]["calls"].as_array().unwrap().is_empty(), "{planned}");
    assert!(planned["next"].as_str().unwrap().contains("kill switch is on observe"), "{planned}");
    assert!(stack.account.state("request#incident-13#scale_up").await.is_null(), "a plan leaves no journal");
    untouched(&stack).await;
}

#[tokio::test]
async fn a_switch_turned_off_while_a_person_thinks_is_obeyed() {
    let stack = Stack::start(without_worker()).await;
    overload_database(&stack).await;
    let execution = stack.remediate(&event("scale_up", "database", "incident-14")).await;
    let approval = pending_approval(&stack, "incident-14-scale_up").await;
    switch(&stack, "off").await;
    let (code, text) = stack.cli(&["approve", &approval, "--as", "dba"]);
    assert_eq!(code, 0, "{text}");
    let (_, failure) = stack.ended(&execution).await;
    assert_eq!(failure["error"], "Ops.AutomationDisabled", "{failure}");
    untouched(&stack).await;
}

#[tokio::test]
async fn nobody_approves_his_own_request_on_tier_0() {
    let stack = Stack::start(without_worker()).await;
    overload_database(&stack).await;
    let mut asked = event("scale_up", "database", "incident-15");
    asked["requestedBy"] = json!({"type": "human", "id": "ann"});
    let execution = stack.remediate(&asked).await;
    let approval = pending_approval(&stack, "incident-15-scale_up").await;
    let (code, text) = stack.cli(&["approve", &approval, "--as", "ann"]);
    assert_ne!(code, 0, "{text}");
    assert!(text.contains("somebody else must approve"), "{text}");
    assert_eq!(stack.states(&execution).await.last().map(String::as_str), Some("Request approval"), "it still waits");

    // Past the command line, with the token itself: the workflow does not take it either.
    let item = stack.account.state(&format!("approval#{approval}")).await;
    let answer = json!({"decision": "APPROVED", "approver": "ann", "comment": ""}).to_string();
    let token = item["taskToken"]["S"].as_str().unwrap();
    stack.client.send_task_success().task_token(token).output(answer).send().await.unwrap();
    let (status, failure) = stack.ended(&execution).await;
    assert_eq!((status, &failure["error"]), (ExecutionStatus::Failed, &json!("Ops.ApprovalDenied")), "{failure}");
    untouched(&stack).await;
}

#[tokio::test]
async fn the_same_action_has_to_wait_for_its_cooldown() {
    let stack = Stack::start(without_worker()).await;
    overload(&stack).await;
    let first = stack.remediate(&event("scale_up", "api", "incident-16")).await;
    stack.entered(&first, "Watch recovery").await;
    // Four tasks more are not there yet, so the symptom still stands; a second incident must not add to it.
    let cause = refused(&stack, &event("scale_up", "api", "incident-17"), "Ops.CooldownActive").await;
    assert!(cause.contains("scale_up ran on api a moment ago: not again before"), "{cause}");
    assert_eq!(stack.account.calls("RegisterScalableTarget").await.len(), 1);
}

#[tokio::test]
async fn the_third_automatic_action_of_an_incident_is_for_a_person() {
    let stack = Stack::start(without_worker()).await;
    overload(&stack).await;
    let mut attempts = Vec::new();
    for _ in 0..2 {
        let denied = json!({"kind": "error", "status": 400, "code": "AccessDeniedException"});
        stack.account.fault("application-autoscaling", "RegisterScalableTarget", 1, denied).await;
        attempts.push(refused(&stack, &event("scale_up", "api", "incident-18"), "Ops.AccessDenied").await);
        stack.account.passed(&stack.account.state("cooldown#api#scale_up").await["until"]["N"]).await;
    }
    let cause = refused(&stack, &event("scale_up", "api", "incident-18"), "Ops.CooldownActive").await;
    assert!(cause.contains("incident-18 has had its two automatic actions"), "{cause} after {attempts:?}");
    untouched(&stack).await;
}

#[tokio::test]
async fn a_deployment_in_progress_is_waited_for_and_not_disturbed() {
    let stack = Stack::start(Options { scale: 150.0, ..without_worker() }).await;
    hang(&stack).await;
    stack.account.control("POST", "rollout", json!({"service": "auth-service", "outcome": "stall"})).await;
    let deploy = json!({"cluster": "production", "service": "auth-service", "forceNewDeployment": true});
    stack.account.aws("AmazonEC2ContainerServiceV20141113.UpdateService", deploy).await;
    let restart = event("restart_service", "auth-service", "incident-19");
    let execution = stack.remediate(&restart).await;
    let (_, failure) = stack.ended(&execution).await;
    assert_eq!(failure["error"], "Ops.DeploymentInProgress", "{failure}");
    let history = stack.history(&execution).await;
    let met = history.iter().filter_map(|event| event.task_failed_event_details()?.error());
    let waits = met.filter(|error| *error == "Ops.DeploymentInProgress").count();
    assert_eq!(waits, 11, "the first attempt and its ten retries");
    assert_eq!(stack.account.calls("UpdateService").await.len(), 1, "only the deployment itself");
}

#[tokio::test]
async fn a_failure_reaches_the_dead_letter_queue_and_can_be_redriven() {
    let stack = Stack::start(Options::default()).await;
    overload(&stack).await;
    // The dependency stays away longer than every retry.
    stack
        .account
        .fault("application-autoscaling", "RegisterScalableTarget", 100, json!({"kind": "error", "status": 503}))
        .await;
    let (status, failure) = stack.ended(&stack.remediate(&event("scale_up", "api", "incident-8")).await).await;
    assert_eq!(
        (status, &failure["error"]),
        (ExecutionStatus::Failed, &json!("Ops.DependencyUnavailable")),
        "{failure}"
    );
    assert_eq!(stack.account.calls("SendMessage").await.len(), 1);

    // The dependency is back, and the action's cooldown is over.
    stack.account.control("DELETE", "faults", Value::Null).await;
    stack.account.passed(&stack.account.state("cooldown#api#scale_up").await["until"]["N"]).await;
    let (code, text) = stack.cli(&["redrive", "--output", "json"]);
    assert_eq!(code, 0, "{text}");
    let redriven = stack.client.list_executions().state_machine_arn(Stack::machine("incident-remediation"));
    let redriven = redriven.send().await.unwrap();
    assert_eq!(redriven.executions().len(), 2, "{text}");
    let newest = redriven.executions().iter().max_by_key(|execution| execution.start_date().as_nanos()).unwrap();
    let ended = stack.ended(newest.execution_arn()).await;
    succeeded(&ended);
    let (_, text) = stack.cli(&["redrive"]);
    assert_eq!(stack.account.calls("DeleteMessage").await.len(), 1, "the message is gone after its redrive: {text}");
}

#[tokio::test]
async fn a_cache_namespace_is_renewed_on_a_real_redis() {
    let Some((host, port)) = redis() else {
        println!("SKIPPED: STEPWRIGHT_TEST_REDIS_URL is not set; `cargo xtask test` starts a Redis");
        return;
    };
    let stack = Stack::start(Options { redis: Some((host.clone(), port)), ..Options::default() }).await;
    let execution = stack.remediate(&event("clear_cache", "cache", "incident-9")).await;
    let ended = stack.ended(&execution).await;
    let output = succeeded(&ended);
    assert!(output["changes"].to_string().contains("INCR"), "{output}");
}

/// Host and port of the Redis that `cargo xtask test` started.
#[expect(clippy::disallowed_methods, reason = "the one place where tests learn of the services around them")]
fn redis() -> Option<(String, u16)> {
    let url = std::env::var("STEPWRIGHT_TEST_REDIS_URL").ok()?;
    let (host, port) = url.trim_start_matches("redis://").trim_end_matches('/').rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

/// Waits until the approval stands in the state table.
async fn pending_approval(stack: &Stack, id: &str) -> String {
    while stack.account.state(&format!("approval#{id}")).await["taskToken"].is_null() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    id.to_owned()
}

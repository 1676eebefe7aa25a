//! Map Runs: items that run as executions of their own.

mod s3;

use super::*;
use crate::description::{MapRunChange, MapRunDescription, MapRunStatus};
use crate::test_s3::Bucket;

/// A distributed Map with these fields, whose processor is one state.
fn map(fields: &str, state: &str, kind: &str) -> String {
    format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","End":true{fields},"ItemProcessor":{{
            "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"{kind}"}},
            "StartAt":"S","States":{{"S":{state}}}}}}}}}}}"#
    )
}

fn standard(fields: &str, state: &str) -> String {
    map(fields, state, "STANDARD")
}

const ECHO: &str = r#"{"Type":"Pass","End":true}"#;
const PATIENT: &str = r#"{"Type":"Wait","Seconds":60,"End":true}"#;
const WORK: &str = r#"{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}"#;

async fn run(engine: &Engine, definition: &str, input: &str) -> ExecutionDescription {
    let arn = begin(engine, definition, input).await;
    engine.ended(&arn).await.unwrap()
}

async fn begin(engine: &Engine, definition: &str, input: &str) -> Arc<str> {
    let machine = create(engine, "m", definition).await;
    engine.start_execution(&machine, Some("e".to_owned()), Value::parse(input).unwrap()).await.unwrap().arn
}

fn output(ended: &ExecutionDescription) -> String {
    ended.output.as_ref().unwrap_or_else(|| panic!("{ended:?}")).to_string()
}

fn only_run(engine: &Engine, arn: &str) -> MapRunDescription {
    let mut runs = engine.list_map_runs(arn).unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.remove(0)
}

fn children(engine: &Engine, arn: &str, status: Option<Status>) -> Vec<ExecutionDescription> {
    let run = only_run(engine, arn).arn;
    let wanted = |child: &ExecutionDescription| status.is_none_or(|status| child.status == status);
    engine.executions_page(Listed::MapRun(&run), None, None, usize::MAX, &wanted).unwrap().executions
}

/// Waits until so many children of the only run of an execution are open.
async fn until_open(engine: &Engine, arn: &str, wanted: u64) {
    loop {
        let runs = engine.list_map_runs(arn).unwrap();
        if runs.first().is_some_and(|run| run.executions.running == wanted) && engine.idle().is_some() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn until_given(engine: &Engine) -> Arc<str> {
    engine.get_activity_task(ACTIVITY, None, SECOND * 10).await.unwrap().unwrap().token
}

#[tokio::test]
async fn each_item_is_an_execution_of_its_own() {
    let (engine, _) = in_memory().await;
    let definition = standard(r#","Label":"each","ItemsPath":"$.a""#, ECHO);
    let ended = run(&engine, &definition, r#"{"a":[3,1,2]}"#).await;
    assert_eq!(output(&ended), "[3,1,2]");
    let run = only_run(&engine, &ended.arn);
    assert!(run.arn.starts_with("arn:aws:states:us-east-1:123456789012:mapRun:m/each:"), "{run:?}");
    assert_eq!((run.status, run.executions.succeeded, run.items.total), (MapRunStatus::Succeeded, 3, 3));
    assert_eq!(engine.describe_map_run(&run.arn).unwrap(), run);
    let children = children(&engine, &ended.arn, None);
    assert_eq!(children.len(), 3);
    for child in &children {
        assert!(child.arn.starts_with("arn:aws:states:us-east-1:123456789012:execution:m/each:"), "{child:?}");
        assert_eq!(&*child.state_machine_arn, "arn:aws:states:us-east-1:123456789012:stateMachine:m/each");
        assert_eq!(child.map_run_arn.as_deref(), Some(&*run.arn));
        assert_eq!(
            engine.describe_execution(&child.arn).unwrap().output,
            engine.describe_execution(&child.arn).unwrap().input
        );
    }
    let was = engine.describe_state_machine_for_execution(&children[0].arn).unwrap();
    assert_eq!((was.label.as_deref(), was.map_run_arn.as_deref()), (Some("each"), Some(&*run.arn)));
    assert!(was.definition.contains("ProcessorConfig"), "{}", was.definition);
    let machine = ended.state_machine_arn;
    assert_eq!(engine.list_executions(Some(&machine), None).unwrap().len(), 1, "children are not the machine's own");
}

#[tokio::test]
async fn no_items_are_a_result_too() {
    let (engine, _) = in_memory().await;
    assert_eq!(output(&run(&engine, &standard("", ECHO), "[]").await), "[]");
}

#[tokio::test]
async fn a_child_sees_its_item_and_no_more_of_its_parent() {
    let (engine, _) = in_memory().await;
    let state = r#"{"Type":"Pass","Parameters":{"item.$":"$$.Map.Item","input.$":"$$.Execution.Input",
        "machine.$":"$$.StateMachine.Name"},"End":true}"#;
    let fields = r#","Label":"l","ItemSelector":{"v.$":"$$.Map.Item.Value","of.$":"$.x"},"ItemsPath":"$.a""#;
    let ended = run(&engine, &standard(fields, state), r#"{"a":{"k":7},"x":1}"#).await;
    let expected =
        r#"[{"item":{"Index":0,"Key":"k","Value":7,"Source":"STATE_DATA"},"input":{"v":7,"of":1},"machine":"m/l"}]"#;
    assert_eq!(output(&ended), expected);
}

#[tokio::test]
async fn members_of_an_object_are_items() {
    let (engine, _) = in_memory().await;
    let ended = run(&engine, &standard("", ECHO), r#"{"a":1,"b":[2]}"#).await;
    assert_eq!(output(&ended), r#"[{"Key":"a","Value":1},{"Key":"b","Value":[2]}]"#);
}

#[tokio::test]
async fn batches_hold_what_fits() {
    let (engine, _) = in_memory().await;
    let fields = r#","ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"x.$":"$[0]"}}"#;
    let ended = run(&engine, &standard(fields, ECHO), "[1,2,3]").await;
    let expected = r#"[{"BatchInput":{"x":1},"Items":[1,2]},{"BatchInput":{"x":1},"Items":[3]}]"#;
    assert_eq!(output(&ended), expected);
    let run = only_run(&engine, &ended.arn);
    assert_eq!((run.executions.total, run.items.succeeded), (2, 3));
    let (engine, _) = in_memory().await;
    // `{"Items":["aaaa","bbbb"]}` has 25 bytes.
    let fields = r#","ItemBatcher":{"MaxInputBytesPerBatch":25}"#;
    let ended = self::run(&engine, &standard(fields, ECHO), r#"["aaaa","bbbb","ccccc","dddd"]"#).await;
    assert_eq!(output(&ended), r#"[{"Items":["aaaa","bbbb"]},{"Items":["ccccc"]},{"Items":["dddd"]}]"#);
}

#[tokio::test]
async fn a_failure_that_is_not_tolerated_fails_the_run() {
    let (engine, _) = in_memory().await;
    let state = r#"{"Type":"Fail","Error":"E","Cause":"c"}"#;
    let ended = run(&engine, &standard(r#","MaxConcurrency":1"#, state), "[1,2,3]").await;
    assert_eq!(error_of(&ended), "States.ExceedToleratedFailureThreshold");
    let cause = ended.failure.as_ref().unwrap().cause.as_deref();
    assert_eq!(cause, Some("The specified tolerated failure threshold was exceeded"));
    let run = only_run(&engine, &ended.arn);
    assert_eq!((run.status, run.executions.failed, run.executions.pending), (MapRunStatus::Failed, 1, 2));
    let kinds = kinds(&engine, &ended.arn);
    assert_eq!(kinds[3..], ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]);
}

#[tokio::test]
async fn tolerated_failures_stay_in_their_places() {
    let (engine, _) = in_memory().await;
    let definition = r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ToleratedFailureCount":1,"ItemProcessor":{
        "ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"C","States":{
            "C":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":2,"Next":"F"}],"Default":"P"},
            "F":{"Type":"Fail","Error":"E","Cause":"c"},"P":{"Type":"Pass","End":true}}}}}}"#;
    let ended = run(&engine, definition, "[1,2,3]").await;
    let items = ended.output.as_ref().unwrap().as_array().unwrap().to_vec();
    assert_eq!((items.len(), items[0].to_string().as_str(), items[2].to_string().as_str()), (3, "1", "3"));
    let text = |name: &str| items[1].get(name).and_then(Value::as_str).unwrap().to_owned();
    assert_eq!((text("Status"), text("Error"), text("Input")), ("FAILED".to_owned(), "E".to_owned(), "2".to_owned()));
}

#[tokio::test]
async fn a_percentage_is_of_all_items() {
    for (percentage, status) in [(33, Status::Failed), (34, Status::Succeeded)] {
        let (engine, _) = in_memory().await;
        let definition = format!(
            r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","End":true,"ToleratedFailurePercentage":{percentage},"ItemProcessor":{{
            "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},"StartAt":"C","States":{{
            "C":{{"Type":"Choice","Choices":[{{"Variable":"$","NumericEquals":2,"Next":"F"}}],"Default":"P"}},
            "F":{{"Type":"Fail","Error":"E"}},"P":{{"Type":"Pass","End":true}}}}}}}}}}}}"#
        );
        assert_eq!(run(&engine, &definition, "[1,2,3]").await.status, status, "{percentage}");
    }
}

#[tokio::test]
async fn children_start_as_slots_come_free_and_the_limit_can_change() {
    let (engine, clock) = in_memory().await;
    let arn = begin(&engine, &standard(r#","MaxConcurrency":2"#, PATIENT), "[1,2,3,4,5]").await;
    until_open(&engine, &arn, 2).await;
    let run = only_run(&engine, &arn);
    assert_eq!((run.executions.pending, run.items.pending, run.max_concurrency), (3, 3, 2));
    let change = MapRunChange { max_concurrency: Some(4), tolerated_failure_count: Some(9), ..MapRunChange::default() };
    engine.update_map_run(&run.arn, change).await.unwrap();
    until_open(&engine, &arn, 4).await;
    assert_eq!(engine.idle().unwrap().due, Some(START + 60_000), "a run waits for its children alone");
    clock.advance(60_000);
    until_open(&engine, &arn, 1).await;
    clock.advance(60_000);
    let ended = engine.ended(&arn).await.unwrap();
    assert_eq!(output(&ended), "[1,2,3,4,5]");
    assert_eq!(only_run(&engine, &arn).tolerated_failure_count, 9);
    let late = engine.update_map_run(&run.arn, change).await.unwrap_err();
    assert_eq!(late.code(), "ValidationException");
}

#[tokio::test]
async fn stopping_the_parent_stops_the_run_and_its_children() {
    let (engine, _) = in_memory().await;
    let arn = begin(&engine, &standard(r#","MaxConcurrency":2"#, PATIENT), "[1,2,3]").await;
    until_open(&engine, &arn, 2).await;
    engine.stop_execution(&arn, Failure::default()).await.unwrap();
    while only_run(&engine, &arn).status == MapRunStatus::Running {
        tokio::task::yield_now().await;
    }
    let run = only_run(&engine, &arn);
    assert_eq!((run.status, run.executions.aborted, run.executions.running), (MapRunStatus::Aborted, 2, 0));
    let kinds = kinds(&engine, &arn);
    assert_eq!(kinds[kinds.len() - 3..], ["MapRunStarted", "MapRunAborted", "ExecutionAborted"]);
    assert!(children(&engine, &arn, None).iter().all(|child| child.status == Status::Aborted));
}

#[tokio::test]
async fn a_redrive_redrives_the_children_that_failed_and_starts_the_rest() {
    let (engine, _) = in_memory().await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let arn = begin(&engine, &standard(r#","MaxConcurrency":1"#, WORK), "[1,2,3]").await;
    engine.send_task_success(&until_given(&engine).await, Value::from("first")).await.unwrap();
    engine.send_task_failure(&until_given(&engine).await, Failure::default()).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Failed);
    engine.redrive_execution(&arn, None).await.unwrap();
    engine.send_task_success(&until_given(&engine).await, Value::from("second")).await.unwrap();
    engine.send_task_success(&until_given(&engine).await, Value::from("third")).await.unwrap();
    let ended = engine.ended(&arn).await.unwrap();
    assert_eq!(output(&ended), r#"["first","second","third"]"#);
    let run = only_run(&engine, &arn);
    assert_eq!((run.status, run.redrive_count, run.executions.pending_redrive), (MapRunStatus::Succeeded, 1, 0));
    assert_eq!((run.executions.succeeded, run.executions.total), (3, 3));
    assert!(kinds(&engine, &arn).contains(&"MapRunRedriven".to_owned()));
    let redriven = children(&engine, &arn, None).iter().filter(|child| child.redrive_count == 1).count();
    assert_eq!(redriven, 1);
}

#[tokio::test]
async fn a_redrive_begins_express_children_anew() {
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let server = Server::start(move |request| {
        let broken = request.body == "2" && counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        async move {
            if broken {
                return (200, vec![("x-amz-function-error", "Unhandled")], r#"{"errorType":"E"}"#.to_owned());
            }
            (200, vec![], request.body)
        }
    })
    .await;
    let engine = open(None, &server.url, &Clock::manual(START)).await;
    let state = r#"{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}"#;
    let arn = begin(&engine, &map(r#","MaxConcurrency":1"#, state, "EXPRESS"), "[1,2,3]").await;
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Failed);
    engine.redrive_execution(&arn, None).await.unwrap();
    assert_eq!(output(&engine.ended(&arn).await.unwrap()), "[1,2,3]");
    let run = only_run(&engine, &arn);
    assert_eq!((run.executions.succeeded, run.executions.total, run.executions.pending_redrive), (3, 3, 0));
    assert_eq!(children(&engine, &arn, None).len(), 4, "the one that failed and the one that took its place");
    assert_eq!(server.received().iter().filter(|call| call.body == "1").count(), 1);
}

#[tokio::test]
async fn a_redrive_goes_on_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let arn =
        begin(&engine, &standard(r#","ToleratedFailureCount":3,"MaxConcurrency":1"#, WORK), "[1,2,3,4,5,6]").await;
    for _ in 0..4 {
        engine.send_task_failure(&until_given(&engine).await, Failure::default()).await.unwrap();
    }
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Failed);
    engine.redrive_execution(&arn, None).await.unwrap();
    let mut engine = Some(engine);
    for _ in 0..6 {
        let live = engine.as_ref().unwrap();
        live.send_task_success(&until_given(live).await, Value::Null).await.unwrap();
        drop(engine.take());
        engine = Some(open(Some(directory.path()), "http://127.0.0.1:1", &clock).await);
    }
    let engine = engine.unwrap();
    let ended = engine.ended(&arn).await.unwrap();
    assert_eq!(output(&ended), "[null,null,null,null,null,null]");
    let run = only_run(&engine, &arn);
    assert_eq!((run.executions.succeeded, run.executions.failed, run.executions.pending_redrive), (6, 0, 0));
    assert!(children(&engine, &arn, None).iter().all(|child| child.redrive_count <= 1), "redriven once");
}

#[tokio::test]
async fn a_child_is_not_redriven_by_itself() {
    let (engine, _) = in_memory().await;
    let ended = run(&engine, &standard("", r#"{"Type":"Fail"}"#), "[1]").await;
    let child = &children(&engine, &ended.arn, None)[0];
    let refused = engine.redrive_execution(&child.arn, None).await.unwrap_err();
    assert_eq!(refused.code(), "ExecutionNotRedrivable");
}

#[tokio::test]
async fn express_children_have_arns_of_their_own_and_can_be_described() {
    let (engine, _) = in_memory().await;
    let ended = run(&engine, &map(r#","Label":"l""#, ECHO, "EXPRESS"), "[1]").await;
    assert_eq!(output(&ended), "[1]");
    let child = &children(&engine, &ended.arn, None)[0];
    assert!(child.arn.starts_with("arn:aws:states:us-east-1:123456789012:express:m/l:"), "{child:?}");
    assert_eq!(child.arn.split(':').count(), 9);
    assert_eq!(engine.describe_execution(&child.arn).unwrap().status, Status::Succeeded);
    let unknown = engine.describe_execution(&format!("{}x", child.arn)).unwrap_err();
    assert_eq!(unknown.code(), "InvalidArn");
}

#[tokio::test]
async fn runs_in_runs() {
    let (engine, _) = in_memory().await;
    let inner = r#"{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
        "StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}}"#;
    let ended = run(&engine, &standard(r#","Label":"outer""#, inner), "[[1,2],[3]]").await;
    assert_eq!(output(&ended), "[[1,2],[3]]");
    let child = &children(&engine, &ended.arn, None)[0];
    let inner = only_run(&engine, &child.arn);
    assert!(inner.arn.starts_with("arn:aws:states:us-east-1:123456789012:mapRun:m/"), "{inner:?}");
}

#[tokio::test]
async fn a_result_over_the_quota_is_too_large() {
    let (engine, _) = in_memory().await;
    let text = "x".repeat(200_000);
    let state = format!(r#"{{"Type":"Pass","Result":"{text}","End":true}}"#);
    let ended = run(&engine, &standard("", &state), "[1,2]").await;
    assert_eq!(error_of(&ended), "States.DataLimitExceeded");
    assert_eq!(only_run(&engine, &ended.arn).status, MapRunStatus::Succeeded);
}

#[tokio::test]
async fn a_run_goes_on_after_a_crash_and_runs_no_child_twice() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let items = format!("[{}]", (0..40).map(|item| item.to_string()).collect::<Vec<_>>().join(","));
    let arn = begin(&engine, &standard(r#","MaxConcurrency":3"#, WORK), &items).await;
    let mut engine = Some(engine);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for done in 0..40 {
        let live = engine.as_ref().unwrap();
        let work = live.get_activity_task(ACTIVITY, None, SECOND * 10).await.unwrap().unwrap();
        *seen.entry(work.input.to_string()).or_default() += 1;
        live.send_task_success(&work.token, work.input.clone()).await.unwrap();
        if done % 7 == 3 {
            // No shutdown: the engine is dropped where it stands.
            drop(engine.take());
            engine = Some(open(Some(directory.path()), "http://127.0.0.1:1", &clock).await);
        }
    }
    let engine = engine.unwrap();
    let ended = engine.ended(&arn).await.unwrap();
    assert_eq!(output(&ended), items);
    assert!(seen.len() == 40 && seen.values().all(|times| *times == 1), "{seen:?}");
    let run = only_run(&engine, &arn);
    assert_eq!((run.executions.succeeded, run.executions.total, run.items.succeeded), (40, 40, 40));
    assert_eq!(children(&engine, &arn, None).len(), 40);
}

#[tokio::test]
async fn a_run_whose_execution_was_stopped_before_a_crash_ends() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    let arn = begin(&engine, &standard("", PATIENT), "[1,2]").await;
    until_open(&engine, &arn, 2).await;
    engine.stop_execution(&arn, Failure::default()).await.unwrap();
    drop(engine);
    let engine = open(Some(directory.path()), "http://127.0.0.1:1", &clock).await;
    while children(&engine, &arn, Some(Status::Running)).iter().any(|child| child.status == Status::Running) {
        tokio::task::yield_now().await;
    }
    let run = only_run(&engine, &arn);
    assert_eq!((run.status, run.executions.aborted, run.items.aborted), (MapRunStatus::Aborted, 2, 2));
}

#[tokio::test]
async fn thousands_of_children_leave_little_behind() {
    let (engine, _) = in_memory().await;
    let items = format!("[{}]", vec!["0"; 5000].join(","));
    let ended = run(&engine, &standard(r#","ResultPath":null"#, ECHO), &items).await;
    assert_eq!(ended.status, Status::Succeeded);
    assert!(engine.history(&ended.arn).unwrap().len() < 12, "the parent's journal has no items");
    assert_eq!(only_run(&engine, &ended.arn).executions.succeeded, 5000);
}

use execution::Failure;

use super::*;
use crate::sample;

const ACTIVITY: &str = "arn:aws:states:us-east-1:123456789012:activity:a";

fn metrics() -> Metrics {
    Metrics::new(Arc::new(Sources::default()))
}

fn scheduled(id: u64) -> Event {
    let kind = EventKind::TaskScheduled {
        flavor: Flavor::Activity,
        resource: ACTIVITY.into(),
        parameters: asl::Value::Null,
        timeout_seconds: None,
        heartbeat_seconds: None,
        credentials: None,
        attempt: 1,
        token: "t".into(),
    };
    sample::event(id, 0, kind)
}

fn begun(id: u64) -> Event {
    sample::event(id, 0, EventKind::TaskStarted { flavor: Flavor::Activity, worker_name: None })
}

fn lines(metrics: &Metrics, wanted: &str) -> Vec<String> {
    let page = metrics.page().unwrap();
    page.lines().filter(|line| line.contains(wanted) && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn executions_are_counted_by_machine_and_end() {
    let metrics = metrics();
    metrics.committed(&sample::all(vec![sample::started(), sample::succeeded(4)]));
    metrics.committed(&sample::committed(sample::started()));
    let of = |name: &str| lines(&metrics, name);
    assert_eq!(of("executions_started"), [r#"aws_states_executions_started_total{state_machine="m"} 2"#]);
    assert_eq!(
        of("aws_states_executions_succeeded"),
        [r#"aws_states_executions_succeeded_total{state_machine="m"} 1"#]
    );
    assert_eq!(of("execution_time_seconds_sum"), [r#"aws_states_execution_time_seconds_sum{state_machine="m"} 3.0"#]);
    assert_eq!(of("aws_states_open_execution_count"), ["aws_states_open_execution_count 1"]);
}

#[test]
fn redriven_executions_are_counted_apart() {
    let metrics = metrics();
    let execution = Arc::new(Observed { redrive_count: 1, ..sample::observed() });
    let redriven = sample::event(4, 0, EventKind::ExecutionRedriven { count: 1, deadline: None });
    let failed = sample::event(5, 0, EventKind::ExecutionFailed(Failure::default()));
    metrics.committed(&Committed { execution, ..sample::all(vec![redriven, failed]) });
    for name in ["executions_redriven", "redriven_executions_failed", "aws_states_executions_failed"] {
        assert!(lines(&metrics, name)[0].ends_with(" 1"), "{name}");
    }
    assert_eq!(lines(&metrics, "aws_states_open_execution_count"), ["aws_states_open_execution_count 0"]);
}

#[test]
fn tasks_are_timed_from_one_event_to_the_next_also_through_a_restart() {
    let metrics = metrics();
    metrics.resumed(&Arc::new(sample::observed()), &[sample::started(), scheduled(2), begun(4)]);
    let heartbeat = EventKind::TaskTimedOut { flavor: Flavor::Activity, failure: Failure::default(), heartbeat: true };
    metrics.committed(&sample::committed(sample::event(9, 0, heartbeat)));
    let value = |name: &str| lines(&metrics, name)[0].rsplit(' ').next().unwrap_or_default().to_owned();
    assert_eq!(value("activity_run_time_seconds_sum"), "5.0");
    assert_eq!(value("activity_time_seconds_sum"), "7.0");
    assert_eq!(value("activities_heartbeat_timed_out"), "1");
    assert_eq!(value("activities_scheduled"), "0", "that was counted before the restart");
    assert_eq!(value("aws_states_open_execution_count"), "1");
    assert!(metrics.counting().under_way.is_empty());
}

#[test]
fn an_end_forgets_what_was_under_way() {
    let metrics = metrics();
    metrics.committed(&sample::all(vec![sample::started(), scheduled(2)]));
    assert_eq!(metrics.counting().under_way.len(), 1);
    let aborted = sample::event(3, 0, EventKind::ExecutionAborted(Failure::default()));
    metrics.committed(&sample::committed(aborted));
    assert!(metrics.counting().under_way.is_empty());
}

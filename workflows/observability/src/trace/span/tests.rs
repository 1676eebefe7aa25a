use asl::{StateType, Value};
use execution::Flavor;

use super::*;
use crate::sample::{self, event, started, succeeded};

fn entered(id: u64, frame: u32, state_type: StateType, name: &str) -> Event {
    event(id, frame, EventKind::StateEntered { state_type, name: name.into(), input: Value::Null })
}

fn exited(id: u64, frame: u32, state_type: StateType, name: &str) -> Event {
    let kind =
        EventKind::StateExited { state_type, name: name.into(), output: Value::Null, assigned: vec![], next: None };
    event(id, frame, kind)
}

fn scheduled(id: u64, frame: u32, attempt: u32) -> Event {
    let kind = EventKind::TaskScheduled {
        flavor: Flavor::Service,
        resource: "arn:aws:states:::lambda:invoke".into(),
        parameters: Value::Null,
        timeout_seconds: None,
        heartbeat_seconds: None,
        credentials: None,
        attempt,
        token: "t".into(),
    };
    event(id, frame, kind)
}

fn failed(id: u64, frame: u32) -> Event {
    let failure = Failure { error: Some("E".into()), cause: Some("because".into()) };
    event(id, frame, EventKind::TaskFailed { flavor: Flavor::Service, failure })
}

/// A task that is tried twice.
fn retried() -> Vec<Event> {
    let done = EventKind::TaskSucceeded { flavor: Flavor::Service, output: Value::Null };
    vec![
        started(),
        entered(2, 0, StateType::Task, "Call"),
        scheduled(3, 0, 1),
        failed(4, 0),
        scheduled(5, 0, 2),
        event(6, 0, done),
        exited(7, 0, StateType::Task, "Call"),
        succeeded(8),
    ]
}

fn spans(events: &[Event]) -> Vec<Span> {
    let (mut tracing, mut spans) = (Tracing::new(Arc::new(sample::observed())), Vec::new());
    for event in events {
        tracing.apply(event, &mut spans);
    }
    assert!(tracing.has_ended() && tracing.frames.is_empty() && tracing.groups.is_empty(), "{tracing:?}");
    spans
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    spans.iter().find(|span| span.name == name).unwrap()
}

#[test]
fn each_try_of_a_task_is_a_span_in_its_state_s() {
    let spans = spans(&retried());
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["lambda:invoke", "lambda:invoke", "Call", "m"]);
    let [first, second, state, root] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((root.parent, root.kind, root.trace), (Some(7), Kind::Server, 0xabc));
    assert_eq!((state.parent, first.parent, second.parent), (Some(root.id), Some(state.id), Some(state.id)));
    assert_eq!((first.error.as_deref(), second.error.as_deref()), (Some("E: because"), None));
    assert_eq!((first.begin - sample::START, first.end - sample::START), (2000, 3000));
    assert_ne!(first.id, second.id);
}

#[test]
fn spans_after_a_crash_are_those_there_would_have_been() {
    let events = retried();
    let whole = spans(&events);
    for crash in 1..events.len() {
        let mut tracing = Tracing::new(Arc::new(sample::observed()));
        let mut before = Vec::new();
        for event in &events[..crash] {
            tracing.apply(event, &mut before);
        }
        let mut again = Tracing::new(Arc::new(sample::observed()));
        for event in &events[..crash] {
            again.apply(event, &mut Vec::new());
        }
        for event in &events[crash..] {
            again.apply(event, &mut before);
        }
        assert_eq!(before, whole, "a crash after event {crash}");
    }
}

#[test]
fn branches_stand_in_their_parallel_and_end_with_it() {
    let parallel = EventKind::ParallelStateStarted { input: Value::Null, starts: vec!["A".into(), "B".into()] };
    let branch = |id, frame, name: &str| Event { previous: 3, ..entered(id, frame, StateType::Wait, name) };
    let events = [
        started(),
        entered(2, 0, StateType::Parallel, "P"),
        event(3, 0, parallel),
        branch(4, 1, "A"),
        branch(5, 2, "B"),
        exited(6, 1, StateType::Wait, "A"),
        event(7, 0, EventKind::ParallelStateFailed),
        event(8, 0, EventKind::ExecutionFailed(Failure { error: Some("E".into()), cause: None })),
    ];
    let spans = spans(&events);
    let parallel = named(&spans, "P");
    assert_eq!((named(&spans, "A").parent, named(&spans, "B").parent), (Some(parallel.id), Some(parallel.id)));
    assert_eq!((&named(&spans, "A").error, named(&spans, "B").error.as_deref()), (&None, Some("aborted")));
    assert_eq!(named(&spans, "m").error.as_deref(), Some("E"));
}

#[test]
fn iterations_stand_in_their_map() {
    let iteration = |id, frame, index| {
        let kind = EventKind::MapIterationStarted { name: "M".into(), index, parent: FrameId(0), input: Value::Null };
        event(id, frame, kind)
    };
    let end = |id, frame, index| event(id, frame, EventKind::MapIterationSucceeded { name: "M".into(), index });
    let events = [
        started(),
        entered(2, 0, StateType::Map, "M"),
        iteration(3, 1, 0),
        entered(4, 1, StateType::Pass, "Item"),
        exited(5, 1, StateType::Pass, "Item"),
        end(6, 1, 0),
        exited(7, 0, StateType::Map, "M"),
        succeeded(8),
    ];
    let spans = spans(&events);
    assert_eq!(named(&spans, "Item").parent, Some(named(&spans, "M").id));
    assert!(spans.iter().all(|span| span.error.is_none()), "{spans:?}");
}

#[test]
fn a_redrive_has_spans_of_its_own() {
    let mut events = vec![started(), entered(2, 0, StateType::Task, "Call"), scheduled(3, 0, 1), failed(4, 0)];
    events.push(event(5, 0, EventKind::ExecutionFailed(Failure::default())));
    events.push(event(6, 0, EventKind::ExecutionRedriven { count: 1, deadline: None }));
    events.extend([scheduled(7, 0, 2), exited(8, 0, StateType::Task, "Call"), succeeded(9)]);
    let spans = spans(&events);
    let roots: Vec<_> = spans.iter().filter(|span| span.name == "m").collect();
    let states: Vec<_> = spans.iter().filter(|span| span.name == "Call").collect();
    assert_eq!((roots.len(), states.len()), (2, 2));
    assert_eq!((states[0].parent, states[1].parent), (Some(roots[0].id), Some(roots[1].id)));
    assert_ne!(states[0].id, states[1].id);
    assert_eq!(states[1].begin, sample::START + 5000);
}

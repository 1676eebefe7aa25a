//! A crash after any event of any scenario changes nothing: what is replayed up to there goes on with the same events,
//! and is never left with nothing to wait for.

use execution::{Env, Event, EventKind, Execution, Identity, Input, Limits, Status};
use scenario::{Run, run};

use super::workflows;

fn identity(machine: &str) -> Identity {
    let states = "arn:aws:states:us-east-1:123456789012";
    Identity {
        arn: format!("{states}:execution:{machine}:scenario").into(),
        name: "scenario".into(),
        role_arn: format!("arn:aws:iam::123456789012:role/{machine}").into(),
        state_machine_arn: format!("{states}:stateMachine:{machine}").into(),
        state_machine_name: machine.into(),
    }
}

/// The first `count` events, by their frames and kinds. That a call has begun is written in one batch with its being
/// scheduled: no crash comes between the two, and after none it is told again. Data in which a token or a delay is drawn anew is not compared, nor is in which
/// order frames that do not wait for each other take their turns.
fn outline(events: &[Event], count: usize) -> Vec<String> {
    let outline = |event: &Event| format!("{:?}: {:?}", event.frame, std::mem::discriminant(&event.kind));
    let mut outlines: Vec<_> = told(events).take(count).map(outline).collect();
    outlines.sort();
    outlines
}

fn told(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().filter(|event| !matches!(event.kind, EventKind::TaskStarted { .. }))
}

/// Crashes after each event of a run, and once before the first; answers how often.
fn crash_everywhere(at: &str, definition: &asl::Definition, mut replayed: Execution, run: &Run) -> usize {
    for crash in 0..run.events.len() {
        let (before, next) = run.events.split_at(crash);
        if let Some(last) = before.last() {
            replayed.apply(last);
        }
        let mut restarted = replayed.clone();
        // No time has passed: what happens then is not due yet.
        let env = Env { now: before.last().unwrap_or(&next[0]).at, seed: crash as u128 };
        let found = restarted.step(definition, Input::Advance, env);
        let count = told(&found).count();
        assert_eq!(outline(&found, count), outline(next, count), "{at}: crash after event {crash}");
        let waits = !restarted.outstanding().is_empty();
        let has_ended = restarted.status() != Status::Running;
        assert!(waits || has_ended, "{at}: crash after event {crash}: nothing is going to happen");
    }
    run.events.len()
}

#[test]
fn a_crash_after_any_event_of_any_scenario_changes_nothing() {
    let (mut scenarios, mut crashes) = (0, 0);
    for workflow in workflows() {
        let definition = workflow.definition();
        for case in &workflow.suite().cases {
            let begun = Execution::new(identity(&workflow.name), case.input.clone(), Limits::default());
            let at = format!("{}/{}", workflow.name, case.name);
            crashes += crash_everywhere(&at, &definition, begun, &run(&definition, &workflow.name, case));
            scenarios += 1;
        }
    }
    assert!(crashes > 0);
    println!("{scenarios} scenarios, {crashes} crashes");
}

use std::sync::Mutex;

use super::*;
use crate::observe::{Committed, Observed};

/// Notes what it hears.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn names<'e>(events: impl IntoIterator<Item = &'e Event>) -> String {
    let name = |event: &Event| format!("{:?}", event.kind).split([' ', '(', '{']).next().unwrap_or_default().to_owned();
    events.into_iter().map(name).collect::<Vec<_>>().join(" ")
}

impl Observer for Notes {
    fn committed(&self, committed: &Committed) {
        assert!(committed.bytes > 0);
        self.0.lock().unwrap().push(format!("{}: {}", committed.execution.redrive_count, names(&*committed.events)));
    }

    fn resumed(&self, execution: &Arc<Observed>, journal: &[Event]) {
        self.0.lock().unwrap().push(format!("{} resumed: {}", execution.name, names(journal)));
    }
}

async fn observed(directory: Option<&Path>, notes: &Arc<Notes>) -> (Engine, Clock) {
    let clock = Clock::manual(START);
    let config = config(directory, "http://127.0.0.1:1", &clock);
    let observer: Arc<dyn Observer> = notes.clone();
    (Engine::open_observed(config, vec![observer]).await.unwrap(), clock)
}

#[tokio::test]
async fn an_observer_has_heard_of_the_end_when_others_do() {
    let notes = Arc::new(Notes::default());
    let (engine, _clock) = observed(None, &notes).await;
    let machine = create(&engine, "m", &machine(PASS)).await;
    let arn = start(&engine, &machine, "e").await;
    engine.ended(&arn).await.unwrap();
    assert_eq!(notes.take(), ["0: ExecutionStarted StateEntered StateExited ExecutionSucceeded"]);
}

#[tokio::test]
async fn an_observer_learns_of_what_goes_on_after_a_restart() {
    let (notes, folder) = (Arc::new(Notes::default()), tempfile::tempdir().unwrap());
    let (engine, _clock) = observed(Some(folder.path()), &notes).await;
    let machine = create(&engine, "m", &machine(WAIT)).await;
    start(&engine, &machine, "e").await;
    engine.shutdown().await;
    drop(engine);
    notes.take();
    let (engine, clock) = observed(Some(folder.path()), &notes).await;
    assert_eq!(notes.take(), ["e resumed: ExecutionStarted StateEntered WaitArmed"]);
    clock.advance(3_600_000);
    let arn = engine.list_executions(None, None).unwrap()[0].arn.clone();
    engine.ended(&arn).await.unwrap();
    assert_eq!(notes.take(), ["0: StateExited ExecutionSucceeded"]);
}

#[tokio::test]
async fn an_observer_learns_again_of_what_is_redriven() {
    let notes = Arc::new(Notes::default());
    let (engine, _clock) = observed(None, &notes).await;
    let machine = create(&engine, "m", &machine(r#"{"Type":"Fail","Error":"E"}"#)).await;
    let arn = start(&engine, &machine, "e").await;
    engine.ended(&arn).await.unwrap();
    notes.take();
    engine.redrive_execution(&arn, None).await.unwrap();
    engine.ended(&arn).await.unwrap();
    let heard = notes.take();
    assert!(heard[0].starts_with("e resumed: ExecutionStarted StateEntered") && heard[0].ends_with("ExecutionFailed"));
    assert!(heard[1].starts_with("1: ExecutionRedriven") && heard[1].ends_with("ExecutionFailed"), "{heard:?}");
}

#[tokio::test]
async fn an_execution_is_traced_where_its_machine_or_its_starter_says_so() {
    let (engine, _clock) = in_memory().await;
    let plain = create(&engine, "plain", &machine(WAIT)).await;
    let tracing = Some(Value::object([("enabled", Value::from(true))]));
    let new = NewStateMachine { tracing, ..new_machine("traced", &machine(WAIT)) };
    let traced = engine.create_state_machine(new).await.unwrap().machine.arn.clone();
    let trace = |arn: Arc<str>| engine.core.with_live(&arn, |live| live.record.trace()).unwrap();
    assert_eq!(trace(start(&engine, &plain, "e").await), None);
    let own = trace(start(&engine, &traced, "e").await).unwrap();
    assert_eq!((own.id >> 96, own.parent, own.sampled), (1_700_000_000, None, true));
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
    let given = Given::from(Value::Null).traced(Some(header));
    let started = engine.start_execution(&plain, Some("given".to_owned()), given).await.unwrap();
    assert_eq!(trace(started.arn), crate::trace::Trace::parse(header));
}

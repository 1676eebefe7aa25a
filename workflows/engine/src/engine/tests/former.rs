//! A data directory that an earlier server wrote: before tags, versions and aliases.

use super::*;
use crate::store::{Memory, Space, Store as _, Write, digest};

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:m:e";

/// Records in the form of the first server.
fn records() -> Vec<Write> {
    let put = |space, key: &[u8], value: String| Write { space, key: key.to_vec(), value: Some(value.into_bytes()) };
    let definition = machine(WAIT);
    let text = serde_json::to_string(&definition).unwrap();
    let digest_of = |text: &str| serde_json::to_string(&digest(text)).unwrap();
    let machine = format!(
        r#"{{"arn":"{MACHINE}","name":"m","definition":{text},"role_arn":"{ROLE}","express":false,"status":"Active",
            "creation_date":{START},"update_date":{START},"revision_id":"r","logging":null,"tracing":null,
            "encryption":null}}"#
    );
    let activity = format!(r#"{{"arn":"{ACTIVITY}","name":"a","creation_date":{START}}}"#);
    let execution = format!(
        r#"{{"number":0,"identity":{{"arn":"{EXECUTION}","name":"e","role_arn":"{ROLE}",
            "state_machine_arn":"{MACHINE}","state_machine_name":"m"}},"definition":{},"input":{},
            "start_date":{START},"ended":null,"origin":null}}"#,
        digest_of(&definition),
        digest_of("null")
    );
    let started = execution::Event {
        id: 1,
        previous: 0,
        at: START,
        frame: execution::FrameId(0),
        kind: EventKind::ExecutionStarted { input: Value::Null, start: "S".into(), deadline: None },
        written: None,
    };
    vec![
        put(Space::Meta, b"format", "1".to_owned()),
        put(Space::Machines, MACHINE.as_bytes(), machine),
        put(Space::Definitions, &digest(&definition), definition.clone()),
        put(Space::Activities, ACTIVITY.as_bytes(), activity),
        put(Space::Executions, EXECUTION.as_bytes(), execution),
        put(Space::Open, &[0; 8], EXECUTION.to_owned()),
        put(Space::Journal, &[0; 16], serde_json::to_string(&[started]).unwrap()),
    ]
}

#[tokio::test]
async fn what_an_earlier_server_wrote_goes_on() {
    let store = Arc::new(Memory::default());
    store.commit(records()).unwrap();
    let clock = Clock::manual(START);
    let records = Records::over(store, Path::new("d")).unwrap();
    let config = config(None, "http://127.0.0.1:1", &clock);
    let core = recovery::open_over(config, records, Observers::default()).await.unwrap();
    let engine = Engine { core };

    assert!(engine.list_tags_for_resource(MACHINE).unwrap().is_empty());
    assert!(engine.describe_activity(ACTIVITY).unwrap().tags.is_empty());
    assert!(engine.list_state_machine_versions(MACHINE).unwrap().is_empty());
    let again = engine.create_state_machine(new_machine("m", &machine(WAIT))).await.unwrap();
    assert_eq!(again.machine.creation_date, START, "the same creation once more");
    let old = engine.describe_execution(EXECUTION).unwrap();
    assert_eq!((old.status, old.version_arn, old.alias_arn), (Status::Running, None, None));
    let listed = engine.executions_page(Listed::Machine(MACHINE), None, None, 10, &|_| true).unwrap();
    assert_eq!(listed.executions[0].arn, old.arn, "it had no listing");
    let was = engine.describe_state_machine_for_execution(EXECUTION).unwrap();
    assert_eq!((&*was.definition, was.revision.revision_id.as_deref()), (&*machine(WAIT), Some("r")));
    let version = engine.publish_state_machine_version(MACHINE, Publish::default(), None).await.unwrap();
    assert_eq!(version.number, 1);
    clock.advance(3_600_000);
    assert_eq!(engine.ended(EXECUTION).await.unwrap().status, Status::Succeeded);
}

#[tokio::test]
async fn a_directory_from_before_formats_had_numbers_is_brought_to_this_one() {
    let store = Arc::new(Memory::default());
    let without: Vec<_> = records().into_iter().filter(|write| write.space != Space::Meta).collect();
    store.commit(without.clone()).unwrap();
    let records = Records::over(store.clone(), Path::new("d")).unwrap();
    assert_eq!(store.get(Space::Meta, b"format").unwrap(), Some(b"2".to_vec()));
    let clock = Clock::manual(START);
    let core =
        recovery::open_over(config(None, "http://127.0.0.1:1", &clock), records, Observers::default()).await.unwrap();
    let engine = Engine { core };
    clock.advance(3_600_000);
    assert_eq!(engine.ended(EXECUTION).await.unwrap().status, Status::Succeeded);
}

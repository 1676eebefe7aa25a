//! One suite for both stores.

use std::path::Path;
use std::sync::Arc;

use asl::Value;
use execution::{Event, EventKind, FrameId, Identity, Status};

use super::records::write;
use super::*;
use crate::description::Activity;

/// Runs a test on a store in memory and on one on disk.
fn on_both(test: impl Fn(Arc<dyn Store>)) {
    test(Arc::new(Memory::default()));
    let directory = tempfile::tempdir().unwrap();
    test(Arc::new(Disk::open(directory.path()).unwrap()));
}

fn put(space: Space, key: &[u8], value: &[u8]) -> Write {
    Write { space, key: key.to_vec(), value: Some(value.to_vec()) }
}

fn scan(store: &dyn Store, space: Space, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        Ok(())
    };
    store.scan(space, prefix, &mut visit).unwrap();
    found
}

fn record(number: u64, name: &str) -> ExecutionRecord {
    let identity = Identity {
        arn: format!("arn:aws:states:us-east-1:123456789012:execution:m:{name}").into(),
        name: name.into(),
        role_arn: "role".into(),
        state_machine_arn: "machine".into(),
        state_machine_name: "m".into(),
    };
    let (definition, input) = (digest("{}"), digest("1"));
    ExecutionRecord {
        number,
        identity,
        definition,
        input,
        start_date: 5,
        ended: None,
        origin: None,
        version_arn: None,
        alias_arn: None,
        revision: None,
        redrives: None,
        child: None,
        trace_header: None,
    }
}

fn event(id: u64, kind: EventKind) -> Event {
    Event { id, previous: id.saturating_sub(1), at: 5, frame: FrameId(0), kind, written: None }
}

fn started(input: Value) -> Event {
    event(1, EventKind::ExecutionStarted { input, start: "A".into(), deadline: None })
}

fn commit(records: &Records, writes: Vec<Write>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(records.committer.write(writes).durable()).unwrap();
}

#[test]
fn a_page_begins_after_a_key_and_ends_with_the_prefix() {
    on_both(|store| {
        let keys: [&[u8]; 5] = [b"a1", b"a2", b"a3", b"a4", b"b1"];
        store.commit(keys.map(|key| put(Space::Listing, key, key)).into()).unwrap();
        let page = |after: Option<&[u8]>, most| {
            let entries = store.page(Space::Listing, b"a", after, most).unwrap();
            entries.into_iter().map(|(key, value)| (key == value).then_some(key).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(page(None, 2), [b"a1", b"a2"]);
        assert_eq!(page(Some(b"a2"), 9), [b"a3", b"a4"]);
        assert_eq!(page(Some(b"a25"), 1), [b"a3"], "the key itself may be gone");
        assert!(page(Some(b"a4"), 9).is_empty());
    });
}

#[test]
fn what_is_put_is_there_and_what_is_removed_is_not() {
    on_both(|store| {
        store.commit(vec![put(Space::Meta, b"a", b"1"), put(Space::Open, b"a", b"2")]).unwrap();
        assert_eq!(store.get(Space::Meta, b"a").unwrap(), Some(b"1".to_vec()));
        assert_eq!(store.get(Space::Open, b"a").unwrap(), Some(b"2".to_vec()));
        store.commit(vec![Write { space: Space::Meta, key: b"a".to_vec(), value: None }]).unwrap();
        assert_eq!(store.get(Space::Meta, b"a").unwrap(), None);
        assert_eq!(store.get(Space::Due, b"a").unwrap(), None);
    });
}

#[test]
fn the_last_write_of_a_batch_wins() {
    on_both(|store| {
        store.commit(vec![put(Space::Meta, b"a", b"1"), put(Space::Meta, b"a", b"2")]).unwrap();
        assert_eq!(store.get(Space::Meta, b"a").unwrap(), Some(b"2".to_vec()));
        let gone = Write { space: Space::Meta, key: b"a".to_vec(), value: None };
        store.commit(vec![put(Space::Meta, b"a", b"3"), gone]).unwrap();
        assert_eq!(store.get(Space::Meta, b"a").unwrap(), None);
    });
}

#[test]
fn scans_are_ordered_and_bounded_by_their_prefix() {
    on_both(|store| {
        let keys: [&[u8]; 5] = [b"b\xff", b"a", b"b", b"c", b"b\x00"];
        store.commit(keys.map(|key| put(Space::Journal, key, key)).into()).unwrap();
        let found: Vec<_> = scan(&*store, Space::Journal, b"b").into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, [b"b".to_vec(), b"b\x00".to_vec(), b"b\xff".to_vec()]);
        assert_eq!(scan(&*store, Space::Journal, b"").len(), 5);
        assert!(scan(&*store, Space::Due, b"").is_empty());
    });
}

#[test]
fn the_last_key_is_the_last_of_its_prefix() {
    on_both(|store| {
        assert_eq!(store.last(Space::Journal, b"").unwrap(), None);
        store.commit(vec![put(Space::Journal, b"a1", b"1"), put(Space::Journal, b"b1", b"2")]).unwrap();
        assert_eq!(store.last(Space::Journal, b"a").unwrap(), Some((b"a1".to_vec(), b"1".to_vec())));
        assert_eq!(store.last(Space::Journal, b"").unwrap(), Some((b"b1".to_vec(), b"2".to_vec())));
        assert_eq!(store.last(Space::Journal, b"c").unwrap(), None);
    });
}

#[test]
fn a_visitor_may_ask_the_store_and_may_stop() {
    on_both(|store| {
        store.commit(vec![put(Space::Open, b"1", b"x"), put(Space::Open, b"2", b"y")]).unwrap();
        let mut visited = 0;
        let stopped = store.scan(Space::Open, b"", &mut |key, _| {
            assert!(store.get(Space::Open, key).unwrap().is_some());
            visited += 1;
            Err(StoreError::Closed)
        });
        assert!(matches!(stopped, Err(StoreError::Closed)));
        assert_eq!(visited, 1);
    });
}

#[test]
fn executions_and_their_events_read_back() {
    on_both(|store| {
        let records = Records::over(store, Path::new("d")).unwrap();
        assert_eq!(records.next_number().unwrap(), 0);
        let mut one = record(0, "one");
        let input = Value::parse(r#"{"b":1,"a":[1.0,null]}"#).unwrap();
        let mut writes = write::execution(&one).to_vec();
        writes.extend(write::events(0, 0, &[started(input.clone()), event(0, EventKind::WaitArmed { until: 9 })]));
        commit(&records, writes);
        assert_eq!(records.open_executions().unwrap(), [one.identity.arn.clone()]);
        assert_eq!(records.next_number().unwrap(), 1);

        one.ended = Some(Ended { status: "SUCCEEDED".to_owned(), at: 7 });
        let end = event(2, EventKind::ExecutionSucceeded { output: Value::Null });
        let mut writes = write::execution(&one).to_vec();
        writes.extend(write::events(0, 2, std::slice::from_ref(&end)));
        commit(&records, writes);
        assert!(records.open_executions().unwrap().is_empty());
        let found = records.execution(&one.identity.arn).unwrap().unwrap();
        assert_eq!((found.status(), &found), (Status::Succeeded, &one));
        assert_eq!(records.journal(0).unwrap().len(), 3);
        assert_eq!(records.journal_ends(0).unwrap(), Some((started(input), end)));
        assert_eq!(records.executions("arn:aws:states:us-east-1:123456789012:execution:m:").unwrap().len(), 1);
        assert!(records.executions("arn:aws:states:us-east-1:123456789012:execution:other:").unwrap().is_empty());
    });
}

#[test]
fn a_value_nested_deeper_than_a_parser_allows_reads_back() {
    on_both(|store| {
        let records = Records::over(store, Path::new("d")).unwrap();
        let deep = (0..400).fold(Value::Null, |inner, _| Value::array(vec![inner]));
        commit(&records, write::events(0, 0, &[started(deep.clone())]).collect());
        assert_eq!(records.journal(0).unwrap(), [started(deep)]);
    });
}

#[test]
fn a_long_step_takes_several_records_and_is_read_on_from_where_it_was() {
    on_both(|store| {
        let records = Records::over(store, Path::new("d")).unwrap();
        let step: Vec<_> = (1..=1000).map(|id| event(id, EventKind::ParallelStateSucceeded)).collect();
        commit(&records, write::events(0, 0, &step).collect());
        assert_eq!(records.journal(0).unwrap(), step);
        assert_eq!(records.journal_ends(0).unwrap(), Some((step[0].clone(), step[999].clone())));
        let (tail, _) = records.journal_from(0, 1000).unwrap();
        assert_eq!(tail, []);
        commit(&records, write::events(0, 1000, &step[..2]).collect());
        let (tail, bytes) = records.journal_from(0, 1000).unwrap();
        assert_eq!(tail, step[..2]);
        assert!(bytes > 0);
    });
}

#[test]
fn a_damaged_record_is_named() {
    on_both(|store| {
        let records = Records::over(store.clone(), Path::new("d")).unwrap();
        commit(&records, write::execution(&record(0, "one")).to_vec());
        let arn = record(0, "one").identity.arn;
        let whole = store.get(Space::Executions, arn.as_bytes()).unwrap().unwrap();
        store.commit(vec![put(Space::Executions, arn.as_bytes(), &whole[..whole.len() / 2])]).unwrap();
        let text = records.execution(&arn).unwrap_err().to_string();
        assert!(text.contains(&*arn) && text.contains("executions"), "{text}");
    });
}

#[test]
fn a_gap_in_a_journal_is_named() {
    on_both(|store| {
        let records = Records::over(store, Path::new("d")).unwrap();
        let end = event(2, EventKind::ExecutionSucceeded { output: Value::Null });
        commit(&records, write::events(3, 0, &[started(Value::Null)]).chain(write::events(3, 2, &[end])).collect());
        for error in [records.journal(3).unwrap_err(), records.journal_from(3, 0).unwrap_err()] {
            assert!(matches!(error, StoreError::Missing { space: "journal", .. }), "{error}");
        }
    });
}

#[test]
fn machines_activities_and_the_clock_read_back() {
    on_both(|store| {
        let records = Records::over(store, Path::new("d")).unwrap();
        let activity =
            Activity { arn: "arn:a".into(), name: "a".into(), creation_date: 3, tags: Vec::new(), encryption: None };
        let clock = ClockRecord { origin: 4, scale: 60.0, skipped: 7 };
        commit(&records, vec![write::activity(&activity), write::clock(&clock)]);
        assert_eq!(records.activities().unwrap(), [activity]);
        assert_eq!(records.clock().unwrap(), Some(clock));
        commit(&records, vec![put(Space::Meta, b"clock", br#"{"origin":4,"scale":60.0}"#)]);
        assert_eq!(records.clock().unwrap(), Some(ClockRecord { skipped: 0, ..clock }), "as an older server wrote it");
        commit(&records, vec![write::no_activity("arn:a"), write::definition(&digest("{}"), "{}")]);
        assert!(records.activities().unwrap().is_empty());
        assert_eq!(&*records.definition(&digest("{}")).unwrap(), "{}");
        assert!(matches!(records.definition(&digest("[]")), Err(StoreError::Missing { .. })));
    });
}

#[test]
fn a_store_of_another_format_is_refused() {
    on_both(|store| {
        store.commit(vec![put(Space::Meta, b"format", b"99")]).unwrap();
        let Err(error) = Records::over(store, Path::new("d")) else { panic!("opened") };
        assert!(matches!(error, StoreError::Format { found: 99, .. }), "{error}");
    });
}

#[test]
fn a_directory_serves_one_at_a_time_and_keeps_what_was_committed() {
    let directory = tempfile::tempdir().unwrap();
    let first = Records::open(Some(directory.path())).unwrap();
    commit(&first, write::execution(&record(0, "one")).to_vec());
    let Err(error) = Records::open(Some(directory.path())) else { panic!("opened twice") };
    assert!(matches!(error, StoreError::Locked(_)), "{error}");
    drop(first);
    let again = Records::open(Some(directory.path())).unwrap();
    assert_eq!(again.open_executions().unwrap().len(), 1);
}

#[test]
fn a_directory_without_a_key_space_gets_it() {
    let directory = tempfile::tempdir().unwrap();
    let database = fjall::Database::builder(directory.path().join("store")).open().unwrap();
    let former = Space::ALL.iter().filter(|space| !matches!(space, Space::Versions | Space::Aliases));
    for space in former {
        let options = fjall::KeyspaceCreateOptions::default;
        database.keyspace(space.name(), options).unwrap().insert(b"a", space.name()).unwrap();
    }
    database.persist(fjall::PersistMode::SyncData).unwrap();
    drop(database);
    let store = Disk::open(directory.path()).unwrap();
    assert_eq!(store.get(Space::Due, b"a").unwrap(), Some(b"due".to_vec()));
    assert_eq!(store.get(Space::Definitions, b"a").unwrap(), Some(b"definitions".to_vec()));
    assert!(scan(&store, Space::Versions, b"").is_empty());
}

#[test]
fn a_closed_store_says_so() {
    let records = Records::open(None).unwrap();
    records.close();
    assert!(matches!(records.open_executions(), Err(StoreError::Closed)));
}

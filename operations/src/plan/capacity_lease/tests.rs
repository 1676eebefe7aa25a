use super::*;
use proptest::prelude::*;
use serde_json::json;

const fn limits(min: u32, max: u32) -> Scaling {
    Scaling { min, max }
}

const ORIGINAL: Scaling = limits(4, 12);
const FIRST: Scaling = limits(8, 12);
const SECOND: Scaling = limits(16, 16);

/// Two overlapping incidents, both acted: the first holds until 100, the second until 200.
fn two() -> Record {
    let record = Record::hold(None, "one", FIRST, 100, ORIGINAL);
    Record::hold(Some(record), "two", SECOND, 200, FIRST)
}

#[test]
fn the_first_end_shrinks_nothing_and_the_last_restores_the_original() {
    let first = two().release("one", 100, Some(SECOND));
    assert_eq!((first.outcome, first.limits), (Outcome::Kept, None));
    let last = first.record.unwrap().release("two", 200, Some(SECOND));
    assert_eq!((last.outcome, last.limits, last.record), (Outcome::Restored, Some(ORIGINAL), None));
}

#[test]
fn an_action_that_did_not_help_goes_back_to_what_others_hold() {
    let undone = two().release("two", 50, Some(SECOND));
    assert_eq!((undone.outcome, undone.limits), (Outcome::Kept, Some(FIRST)));
    let again = two().release("two", 50, Some(FIRST));
    assert_eq!((again.outcome, again.limits, &again.record), (Outcome::Kept, None, &undone.record));
    let last = undone.record.unwrap().release("one", 100, Some(FIRST));
    assert_eq!((last.outcome, last.limits), (Outcome::Restored, Some(ORIGINAL)));
}

#[test]
fn leases_that_have_run_out_hold_nothing() {
    let release = two().release("two", 150, Some(SECOND));
    assert_eq!((release.outcome, release.limits, release.record), (Outcome::Restored, Some(ORIGINAL), None));
    // The other one finds nothing to send any more.
    assert_eq!(two().release("one", 250, Some(ORIGINAL)).limits, None);
}

#[test]
fn limits_that_somebody_else_has_set_stay() {
    for theirs in [limits(6, 12), limits(16, 40), limits(0, 0)] {
        let release = two().release("two", 150, Some(theirs));
        assert_eq!((release.outcome, release.limits, release.record), (Outcome::Left, None, None), "{theirs:?}");
    }
    assert_eq!(two().release("two", 150, None).outcome, Outcome::Left, "the scalable target is gone");
}

#[test]
fn what_somebody_else_has_set_is_the_original_of_the_next_lease() {
    let theirs = limits(6, 20);
    let record = Record::hold(Some(two()), "three", limits(9, 20), 300, theirs);
    let undone = record.release("three", 50, Some(limits(9, 20)));
    assert_eq!((undone.outcome, undone.limits), (Outcome::Kept, Some(theirs)));
    let last = record.release("three", 300, Some(limits(9, 20)));
    assert_eq!((last.outcome, last.limits), (Outcome::Restored, Some(theirs)));
}

#[test]
fn a_lease_taken_twice_is_one_lease() {
    let once = two();
    let twice = Record::hold(Some(once.clone()), "two", SECOND, 200, FIRST);
    assert_eq!(twice, once);
    let renewed = Record::hold(Some(once), "two", FIRST, 300, SECOND);
    assert_eq!(renewed.leases["two"], Lease { limits: SECOND, until: 300 }, "it never gets smaller");
    assert_eq!(renewed.original, ORIGINAL);
}

#[test]
fn a_lease_whose_action_never_came_raises_nothing() {
    let record = Record::hold(None, "planned", SECOND, 200, ORIGINAL);
    let record = Record::hold(Some(record), "acted", FIRST, 200, ORIGINAL);
    let release = record.release("acted", 50, Some(FIRST));
    assert_eq!((release.outcome, release.limits), (Outcome::Kept, None));
}

#[test]
fn a_record_reads_back_and_a_broken_one_is_explained() {
    let read = |record: Value| Record::of_lease(&Object::of(&json!({"record": record}), "lease", Kind::InvalidInput)?);
    assert_eq!(read(json!(two())).unwrap(), Some(two()));
    assert_eq!(read(Value::Null).unwrap(), None);
    let mut broken = json!(two());
    broken["raised"][1]["minCapacity"] = json!("many");
    let error = read(broken).unwrap_err();
    assert!(error.message().starts_with("lease.record.raised[1].minCapacity"), "{error}");
}

/// One scalable target, what is on record about it, and who may change both.
#[derive(Debug, Clone)]
struct World {
    now: Millis,
    limits: Scaling,
    record: Option<Record>,
    version: u64,
    /// Who has the resource, as an index into the processes.
    owner: Option<usize>,
}

/// What a process does next. Everything that looks and then writes has two steps, with others in between.
#[derive(Debug, Clone, PartialEq)]
enum Next {
    Plan,
    TakeResource,
    ReadForHold,
    Hold(Option<Record>, u64),
    Act,
    Watch,
    WaitForEnd,
    ReadForRelease,
    Restore(Record, u64),
    Write(Option<Record>, u64),
    GiveResource,
    Done,
}

/// An incident, or the keeper that waits for the end of its lease.
#[derive(Debug, Clone)]
struct Process {
    keeper: bool,
    incident: usize,
    wanted: Scaling,
    until: Millis,
    /// Whether the incident's action helps.
    helps: bool,
    /// Whether its raised limits are in effect and on lease.
    acted: bool,
    next: Next,
}

/// Seconds that a lease lasts in the model.
const LEASE: Millis = 10;

impl Process {
    fn incident(incident: usize, helps: bool) -> Self {
        let next = Next::Plan;
        Self { keeper: false, incident, wanted: limits(0, 0), until: 0, helps, acted: false, next }
    }

    fn id(&self) -> String {
        format!("incident-{}", self.incident)
    }

    /// As the function acts: what is there, or larger, stays; what is larger in one bound only is refused.
    fn act(&mut self, world: &mut World) -> Next {
        let raised = world.limits.max(self.wanted);
        if raised != self.wanted && raised != world.limits {
            return Next::ReadForRelease;
        }
        world.limits = raised;
        self.acted = true;
        Next::Watch
    }

    /// One step; `me` is the process's index. A keeper that is to be started is answered.
    fn step(&mut self, me: usize, world: &mut World) -> Option<Process> {
        let mut started = None;
        self.next = match std::mem::replace(&mut self.next, Next::Done) {
            Next::Plan => {
                let min = (world.limits.min + 1) * 2;
                self.wanted = limits(min, world.limits.max.max(min));
                Next::TakeResource
            }
            Next::TakeResource if world.owner.is_some_and(|owner| owner != me) => Next::TakeResource,
            Next::TakeResource => {
                world.owner = Some(me);
                if self.keeper {
                    Next::ReadForRelease
                } else {
                    self.until = world.now + LEASE;
                    started = Some(Process { keeper: true, next: Next::WaitForEnd, ..self.clone() });
                    Next::ReadForHold
                }
            }
            Next::ReadForHold => Next::Hold(world.record.clone(), world.version),
            Next::Hold(_, version) if version != world.version => Next::ReadForHold,
            Next::Hold(record, _) => {
                world.write(Some(Record::hold(record, &self.id(), self.wanted, self.until, world.limits)));
                Next::Act
            }
            Next::Act => self.act(world),
            Next::Watch if self.helps => Next::GiveResource,
            Next::Watch => Next::ReadForRelease,
            Next::WaitForEnd if world.now < self.until => Next::WaitForEnd,
            Next::WaitForEnd => Next::TakeResource,
            Next::ReadForRelease => match &world.record {
                Some(record) if record.leases.contains_key(&self.id()) => Next::Restore(record.clone(), world.version),
                _ => Next::GiveResource,
            },
            // The function sends nothing for a keeper whose time on the resource has run out.
            Next::Restore(..) if self.keeper && world.owner != Some(me) => Next::TakeResource,
            Next::Restore(record, version) => {
                self.acted = false;
                let release = record.release(&self.id(), world.now, Some(world.limits));
                world.limits = release.limits.unwrap_or(world.limits);
                Next::Write(release.record, version)
            }
            Next::Write(_, version) if version != world.version => Next::ReadForRelease,
            Next::Write(record, _) => {
                world.write(record);
                Next::GiveResource
            }
            Next::GiveResource => {
                world.owner = world.owner.filter(|owner| *owner != me);
                Next::Done
            }
            Next::Done => Next::Done,
        };
        started
    }
}

impl World {
    fn write(&mut self, record: Option<Record>) {
        self.record = record;
        self.version += 1;
    }
}

/// What happens next in the model.
#[derive(Debug, Clone, Copy)]
enum Happening {
    /// A process takes so many steps, while the others take none.
    Steps(usize, u8),
    /// A process dies: an incident for good, a keeper is started again from its beginning.
    Crash(usize),
    /// A keeper is so slow that its time on the resource runs out.
    Linger,
    /// Time passes.
    Pass(Millis),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => (0usize..6, 1u8..7).prop_map(|(process, count)| Happening::Steps(process, count)),
        1 => (0usize..6).prop_map(Happening::Crash),
        2 => Just(Happening::Linger),
        2 => (1i64..4).prop_map(Happening::Pass),
    ]
}

fn happen(happening: Happening, world: &mut World, processes: &mut Vec<Process>) {
    match happening {
        Happening::Steps(index, count) => {
            let index = index % processes.len();
            for _ in 0..count {
                let started = processes[index].step(index, world);
                processes.extend(started);
            }
        }
        Happening::Crash(index) => {
            let index = index % processes.len();
            let process = &mut processes[index];
            if process.next == Next::Done {
                return;
            }
            process.next = if process.keeper { Next::WaitForEnd } else { Next::Done };
            world.owner = world.owner.filter(|owner| *owner != index);
        }
        Happening::Linger => {
            world.owner = world.owner.filter(|owner| !processes[*owner].keeper);
        }
        Happening::Pass(seconds) => world.now += seconds,
    }
}

/// No live lease whose action was taken holds more than there is.
fn nothing_held_is_missing(world: &World, processes: &[Process]) -> Result<(), TestCaseError> {
    let live = processes.iter().filter(|process| !process.keeper && process.acted && world.now < process.until);
    for process in live {
        prop_assert!(
            world.limits.max(process.wanted) == world.limits,
            "{} holds {:?}, there is {:?}",
            process.id(),
            process.wanted,
            world.limits
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_interleaves_nothing_held_shrinks_and_the_original_comes_back(
        helps in proptest::collection::vec(any::<bool>(), 1..4),
        happenings in proptest::collection::vec(happening(), 0..120),
    ) {
        let mut world = World { now: 0, limits: ORIGINAL, record: None, version: 0, owner: None };
        let incidents = helps.iter().enumerate();
        let mut processes: Vec<Process> = incidents.map(|(number, helps)| Process::incident(number, *helps)).collect();
        for happening in happenings {
            happen(happening, &mut world, &mut processes);
            nothing_held_is_missing(&world, &processes)?;
        }
        // Then all is quiet, and every keeper comes to its end.
        for _ in 0..100 {
            happen(Happening::Pass(LEASE), &mut world, &mut processes);
            for index in 0..processes.len() {
                happen(Happening::Steps(index, 20), &mut world, &mut processes);
            }
        }
        prop_assert!(processes.iter().all(|process| process.next == Next::Done), "{processes:?}");
        prop_assert_eq!(world.limits, ORIGINAL);
        prop_assert_eq!(world.record, None);
    }

    #[test]
    fn a_release_asked_twice_changes_nothing_more(
        holds in proptest::collection::vec((0u32..12, 0u32..12, 0i64..40), 1..4),
        now in 0i64..40,
        current in 0usize..4,
    ) {
        let mut record = Record::hold(None, "0", limits(4 + holds[0].0, 12 + holds[0].1), holds[0].2, ORIGINAL);
        for (number, (min, max, until)) in holds.iter().enumerate().skip(1) {
            let wanted = limits(4 + min, 12 + max);
            record = Record::hold(Some(record), &number.to_string(), wanted, *until, ORIGINAL);
        }
        let there = record.raised.get(current).copied().unwrap_or(ORIGINAL);
        let first = record.release("0", now, Some(there));
        let after = first.limits.unwrap_or(there);
        prop_assert!(after.max(there) == there, "nothing is raised");
        let second = record.release("0", now, Some(after));
        prop_assert_eq!((second.outcome, second.limits, second.record), (first.outcome, None, first.record));
    }
}

//! RDS: one instance, its class changes and what they do to it.

use std::collections::VecDeque;

use super::generator::Generator;

/// How long a requested change takes to show as `modifying`, milliseconds.
const ACCEPTED_MS: i64 = 5_000;
/// From `modifying` to the Multi-AZ failover, milliseconds.
const UNTIL_FAILOVER_MS: i64 = 180_000;
/// How long the failover refuses connections, milliseconds.
const FAILOVER_MS: i64 = 30_000;
/// From the failover to `available`, milliseconds.
const AFTER_FAILOVER_MS: i64 = 120_000;
/// CPU without any query, as a share of the whole.
const IDLE_SHARE: f64 = 0.12;
/// Above this utilization queries slow down.
const KNEE: f64 = 0.7;
/// CPU time of a query of the extra load, milliseconds of one virtual CPU.
pub(crate) const EXTRA_QUERY_MS: f64 = 1.0;

/// (class, virtual CPUs, memory in GiB), smallest first within a family.
pub(crate) const CLASSES: [(&str, u32, u32); 20] = [
    ("db.t4g.medium", 2, 4),
    ("db.t4g.large", 2, 8),
    ("db.t4g.xlarge", 4, 16),
    ("db.m6g.large", 2, 8),
    ("db.m6g.xlarge", 4, 16),
    ("db.m6g.2xlarge", 8, 32),
    ("db.r6g.large", 2, 16),
    ("db.r6g.xlarge", 4, 32),
    ("db.r6g.2xlarge", 8, 64),
    ("db.r6g.4xlarge", 16, 128),
    ("db.r6g.8xlarge", 32, 256),
    ("db.r6g.12xlarge", 48, 384),
    ("db.r6g.16xlarge", 64, 512),
    ("db.r7g.large", 2, 16),
    ("db.r7g.xlarge", 4, 32),
    ("db.r7g.2xlarge", 8, 64),
    ("db.r7g.4xlarge", 16, 128),
    ("db.r7g.8xlarge", 32, 256),
    ("db.r7g.12xlarge", 48, 384),
    ("db.r7g.16xlarge", 64, 512),
];

/// A step of a modification in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Accepted,
    Modifying,
    FailingOver,
    Finishing,
}

/// A class change under way.
#[derive(Debug, Clone)]
struct Change {
    class: String,
    step: Step,
    ends_ms: i64,
}

/// An RDS event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// When.
    pub(crate) at_ms: i64,
    /// RDS's sentence.
    pub(crate) message: &'static str,
    /// RDS's category.
    pub(crate) category: &'static str,
}

/// A manual snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Identifier.
    pub(crate) id: String,
    /// When it was asked for.
    pub(crate) created_ms: i64,
    /// When it is available.
    pub(crate) available_ms: i64,
}

impl Snapshot {
    /// RDS's status word.
    pub(crate) const fn status(&self, now_ms: i64) -> &'static str {
        if self.available_ms > now_ms { "creating" } else { "available" }
    }

    /// How much of it is done, percent.
    pub(crate) fn percent(&self, now_ms: i64) -> i64 {
        let whole = (self.available_ms - self.created_ms).max(1);
        (100 * (now_ms - self.created_ms) / whole).clamp(0, 100)
    }
}

/// A database instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    /// DB instance identifier.
    pub(crate) id: String,
    /// E.g. `db.r6g.large`.
    pub(crate) class: String,
    /// Engine, e.g. `postgres`.
    pub(crate) engine: String,
    /// Engine version.
    pub(crate) version: String,
    /// A class change that waits for the maintenance window.
    pub(crate) pending_class: Option<String>,
    /// When it was created.
    pub(crate) created_ms: i64,
    /// The availability zone of the writer, its last letter.
    pub(crate) zone: char,
    /// Resource id.
    pub(crate) resource_id: String,
    /// Newest last.
    pub(crate) events: VecDeque<Event>,
    /// Snapshots.
    pub(crate) snapshots: Vec<Snapshot>,
    /// Queries per second beside the application's.
    pub(crate) extra_rate: f64,
    /// Load of the last second over capacity; may exceed 1.
    pub(crate) utilization: f64,
    /// Queries of the last second.
    pub(crate) queries: f64,
    change: Option<Change>,
}

impl Instance {
    /// An available instance.
    pub(crate) fn new(id: &str, class: &str, created_ms: i64, generator: &mut Generator) -> Self {
        Self {
            id: id.to_owned(),
            class: class.to_owned(),
            engine: "postgres".to_owned(),
            version: "16.4".to_owned(),
            pending_class: None,
            created_ms,
            zone: 'a',
            resource_id: format!("db-{}", generator.hex(26).to_uppercase()),
            events: VecDeque::new(),
            snapshots: Vec::new(),
            extra_rate: 0.0,
            utilization: 0.0,
            queries: 0.0,
            change: None,
        }
    }

    /// RDS's status word.
    pub(crate) fn status(&self, now_ms: i64) -> &'static str {
        if self.snapshots.iter().any(|snapshot| snapshot.available_ms > now_ms) {
            return "backing-up";
        }
        match self.change.as_ref().map(|change| change.step) {
            None | Some(Step::Accepted) => "available",
            Some(_) => "modifying",
        }
    }

    /// The class being moved to, while RDS still shows it as pending.
    pub(crate) fn pending(&self) -> Option<&str> {
        self.change.as_ref().map(|change| change.class.as_str()).or(self.pending_class.as_deref())
    }

    /// Whether connections are refused now.
    pub(crate) fn is_down(&self) -> bool {
        self.change.as_ref().is_some_and(|change| change.step == Step::FailingOver)
    }

    /// Begins a class change at once.
    pub(crate) fn modify(&mut self, class: &str, now_ms: i64) {
        self.pending_class = None;
        self.change = Some(Change { class: class.to_owned(), step: Step::Accepted, ends_ms: now_ms + ACCEPTED_MS });
    }

    /// One second: a change moves on.
    pub(crate) fn tick(&mut self, now_ms: i64) {
        let Some(change) = self.change.as_mut().filter(|change| change.ends_ms <= now_ms) else { return };
        let (next, ends_ms, message, category) = match change.step {
            Step::Accepted => (
                Step::Modifying,
                UNTIL_FAILOVER_MS,
                "Applying modification to database instance class",
                "configuration change",
            ),
            Step::Modifying => (Step::FailingOver, FAILOVER_MS, "Multi-AZ instance failover started.", "failover"),
            Step::FailingOver => {
                self.class.clone_from(&change.class);
                self.zone = if self.zone == 'a' { 'b' } else { 'a' };
                (Step::Finishing, AFTER_FAILOVER_MS, "Multi-AZ instance failover completed", "failover")
            }
            Step::Finishing => {
                self.change = None;
                self.record(now_ms, "Finished applying modification to DB instance class", "configuration change");
                return;
            }
        };
        change.step = next;
        change.ends_ms = now_ms + ends_ms;
        self.record(now_ms, message, category);
    }

    /// Adds an event.
    pub(crate) fn record(&mut self, at_ms: i64, message: &'static str, category: &'static str) {
        self.events.push_back(Event { at_ms, message, category });
        if self.events.len() > 200 {
            self.events.pop_front();
        }
    }

    /// Virtual CPUs of its class.
    pub(crate) fn cpus(&self) -> f64 {
        CLASSES.iter().find(|(class, ..)| *class == self.class).map_or(2.0, |(_, cpus, _)| f64::from(*cpus))
    }

    /// Memory of its class, bytes.
    pub(crate) fn memory_bytes(&self) -> f64 {
        let gib = CLASSES.iter().find(|(class, ..)| *class == self.class).map_or(16, |(.., gib)| *gib);
        f64::from(gib) * 1_073_741_824.0
    }

    /// Takes the second's demand: application CPU milliseconds per second and queries per second.
    pub(crate) fn load(&mut self, application_ms: f64, queries: f64) {
        let demand = application_ms + self.extra_rate * EXTRA_QUERY_MS;
        self.queries = queries + self.extra_rate;
        self.utilization = IDLE_SHARE + demand / (self.cpus() * 1000.0);
    }

    /// How much slower queries are than without contention: 1 up to 70 % of CPU, then as in a queue, at most 10.
    pub(crate) fn slowdown(&self) -> f64 {
        if self.is_down() {
            return 10.0;
        }
        ((1.0 - KNEE) / (1.0 - self.utilization.min(0.97))).clamp(1.0, 10.0)
    }

    /// CPU, percent.
    pub(crate) fn cpu_percent(&self) -> f64 {
        if self.is_down() { 5.0 } else { (self.utilization * 100.0).min(99.5) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance() -> Instance {
        Instance::new("orders-db", "db.r6g.large", 0, &mut Generator::new(1))
    }

    #[test]
    fn a_class_change_passes_modifying_and_a_failover() {
        let mut database = instance();
        database.modify("db.r6g.xlarge", 0);
        let mut seen = Vec::new();
        for second in 0..=400 {
            database.tick(second * 1000);
            let now = (database.status(second * 1000), database.is_down(), database.class.clone());
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
        let large = "db.r6g.large".to_owned();
        let xlarge = "db.r6g.xlarge".to_owned();
        assert_eq!(
            seen,
            [
                ("available", false, large.clone()),
                ("modifying", false, large.clone()),
                ("modifying", true, large),
                ("modifying", false, xlarge.clone()),
                ("available", false, xlarge)
            ]
        );
        assert_eq!(database.events.len(), 4);
        assert_eq!(database.pending(), None);
    }

    #[test]
    fn twice_the_cpus_halve_the_query_load() {
        let mut database = instance();
        database.extra_rate = 1500.0;
        database.load(300.0, 300.0);
        assert!(database.cpu_percent() > 95.0 && database.slowdown() > 5.0);
        database.class = "db.r6g.xlarge".to_owned();
        database.load(300.0, 300.0);
        assert!((database.cpu_percent() - 57.0).abs() < 1e-9);
        assert_eq!(database.slowdown(), 1.0);
    }
}

//! What automation may optimise about a service, and within which bounds.

use super::Release;
use crate::error::Error;
use crate::field::Object;

/// The least CPU target that is ever proposed, percent.
pub const LEAST_TARGET: f64 = 40.0;
/// The highest CPU target that is ever proposed, percent.
pub const HIGHEST_TARGET: f64 = 75.0;
/// The least number of tasks in production, whatever an entry says.
pub const LEAST_TASKS: u32 = 2;

/// The block `optimization` of a service's entry. Without the block every change needs an approval.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimization {
    /// How changes of scaling limits, targets, cooldowns and schedules are released.
    pub scaling: Release,
    /// How changes of task sizes are released.
    pub sizing: Release,
    /// How housekeeping, such as the retention of logs, is released.
    pub housekeeping: Release,
    /// The least number of tasks, 1 or more; absent for [`LEAST_TASKS`].
    pub min_tasks: Option<u32>,
    /// Connections to the database that one task may hold.
    pub connections_per_task: Option<u32>,
    /// Connections that the database accepts; 80 % of them may be used.
    pub max_connections: Option<u32>,
    /// The tool that owns the service's configuration, such as `cloudformation` or `terraform`; absent for none.
    pub managed_by: Option<String>,
    /// Whether a change may differ from what `managed_by` has on file.
    pub drift_allowed: bool,
    /// The shortest observation of a change, in hours: 24 to 168.
    pub observe_hours: u32,
    /// How long the log group of the service keeps its events, in days; absent when nothing is to change.
    pub log_retention_days: Option<u32>,
}

impl Default for Optimization {
    fn default() -> Self {
        Self {
            scaling: Release::Approval,
            sizing: Release::Approval,
            housekeeping: Release::Approval,
            min_tasks: None,
            connections_per_task: None,
            max_connections: None,
            managed_by: None,
            drift_allowed: false,
            observe_hours: 24,
            log_retention_days: None,
        }
    }
}

impl Optimization {
    /// The tool whose files a change would contradict; `None` where changes are free.
    pub fn owner(&self) -> Option<&str> {
        self.managed_by.as_deref().filter(|_| !self.drift_allowed)
    }

    /// The least number of tasks.
    pub fn least_tasks(&self) -> u32 {
        self.min_tasks.unwrap_or(LEAST_TASKS)
    }

    /// The most tasks that the database has connections for: 80 % of them.
    pub fn most_tasks_by_connections(&self) -> Option<u32> {
        let (each, all) = (self.connections_per_task?, self.max_connections?);
        Some((f64::from(all) * 0.8 / f64::from(each)).floor() as u32)
    }

    /// Reads the block of an entry; absent is the default.
    pub(super) fn parse(item: &Object<'_>) -> Result<Self, Error> {
        let default = Self::default();
        let Some(block) = item.optional_object("optimization")? else { return Ok(default) };
        let known = [
            "scaling",
            "sizing",
            "housekeeping",
            "minTasks",
            "connectionsPerTask",
            "maxConnections",
            "managedBy",
            "driftAllowed",
            "observeHours",
            "logRetentionDays",
        ];
        if let Some(unknown) = block.names().find(|name| !known.contains(name)) {
            return Err(block.error(unknown, &format!("is unknown: use {}", known.join(", "))));
        }
        Ok(Self {
            scaling: release(&block, "scaling")?,
            sizing: release(&block, "sizing")?,
            housekeeping: release(&block, "housekeeping")?,
            min_tasks: positive(&block, "minTasks")?,
            connections_per_task: positive(&block, "connectionsPerTask")?,
            max_connections: positive(&block, "maxConnections")?,
            managed_by: block.optional_text("managedBy")?.map(str::to_owned),
            drift_allowed: block.flag("driftAllowed")?,
            observe_hours: observe_hours(&block)?,
            log_retention_days: positive(&block, "logRetentionDays")?,
        })
    }
}

fn release(block: &Object<'_>, name: &str) -> Result<Release, Error> {
    let Some(text) = block.optional_text(name)? else { return Ok(Release::Approval) };
    Release::from_name(text).ok_or_else(|| block.error(name, "must be automatic, approval or forbidden"))
}

fn positive(block: &Object<'_>, name: &str) -> Result<Option<u32>, Error> {
    match block.optional_count(name)? {
        Some(0) => Err(block.error(name, "must be 1 or more, or absent")),
        count => Ok(count),
    }
}

fn observe_hours(block: &Object<'_>) -> Result<u32, Error> {
    match block.optional_count("observeHours")? {
        None => Ok(24),
        Some(hours) if (24..=168).contains(&hours) => Ok(hours),
        Some(_) => Err(block.error("observeHours", "must be between 24 and 168, or absent for 24")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Entry;
    use crate::catalogue::tests::api;
    use serde_json::{Value, json};

    fn parsed(block: Value) -> Result<Entry, Error> {
        let mut item = api();
        item["optimization"] = block;
        Entry::parse(&item)
    }

    #[test]
    fn without_the_block_everything_asks() {
        let entry = parsed(json!(null)).unwrap();
        assert_eq!(entry.optimization, Optimization::default());
        assert_eq!((entry.optimization.scaling, entry.optimization.least_tasks()), (Release::Approval, 2));
    }

    #[test]
    fn the_block_reads_back() {
        let block = json!({"scaling": "automatic", "minTasks": 3, "connectionsPerTask": 10, "maxConnections": 200,
            "managedBy": "terraform", "observeHours": 48});
        let read = parsed(block).unwrap().optimization;
        assert_eq!((read.scaling, read.sizing), (Release::Automatic, Release::Approval));
        assert_eq!((read.least_tasks(), read.most_tasks_by_connections()), (3, Some(16)));
        assert_eq!(read.owner(), Some("terraform"));
        assert_eq!(Optimization { drift_allowed: true, ..read }.owner(), None);
    }

    #[test]
    fn broken_blocks_are_refused_by_field() {
        let cases = [
            (json!({"scaling": "yes"}), "entry.optimization.scaling must be automatic, approval or forbidden"),
            (json!({"minTasks": 0}), "entry.optimization.minTasks must be 1 or more, or absent"),
            (json!({"observeHours": 1}), "entry.optimization.observeHours must be between 24 and 168"),
            (json!({"scalling": "automatic"}), "entry.optimization.scalling is unknown: use scaling"),
        ];
        for (block, message) in cases {
            let error = parsed(block).unwrap_err();
            assert!(error.message().starts_with(message), "{}", error.message());
        }
    }
}

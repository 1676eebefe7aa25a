//! Quotas of an account: how many there may be of something at once. AWS's, unless a configuration says otherwise.

use crate::core::Core;
use crate::exception::Error;

/// How many there may be at once. Source: "Step Functions service quotas", AWS Step Functions developer guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// State machines.
    pub state_machines: usize,
    /// Activities.
    pub activities: usize,
    /// Open executions, those of EXPRESS state machines aside.
    pub open_executions: usize,
    /// Workers that wait for a task of one activity.
    pub pollers: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { state_machines: 100_000, activities: 100_000, open_executions: 1_000_000, pollers: 1000 }
    }
}

impl Core {
    /// Whether an execution that has just taken its place among the open ones is one too many.
    ///
    /// # Errors
    /// `ExecutionLimitExceeded`.
    pub(crate) fn check_open_executions(&self) -> Result<(), Error> {
        // An upper bound is enough to know that there is room: counting those that count takes long.
        let most = self.config.quotas.open_executions;
        let open = self.open();
        let full = open.len() > most && open.keys().filter(|arn| !arn.contains(":express:")).count() > most;
        if full { Err(Error::ExecutionLimitExceeded) } else { Ok(()) }
    }
}

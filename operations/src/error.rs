//! The names a definition can match in `Retry` and `Catch`, and the one error type that carries them.

use std::fmt;

/// Every error name of the suite, in the order of the taxonomy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The event or a payload is malformed.
    InvalidInput,
    /// The catalogue has no such target.
    UnknownTarget,
    /// The catalogue does not allow this action on this target.
    ActionNotAllowed,
    /// The world is not in the state the action needs.
    PreconditionFailed,
    /// The action has no effect on this target.
    NotApplicable,
    /// A deployment of the target is running.
    DeploymentInProgress,
    /// Another execution holds the lease on the resource.
    LeaseHeld,
    /// The same request is being handled already.
    AlreadyInProgress,
    /// The resource is being modified.
    ResourceBusy,
    /// The action was taken too recently, or too often today.
    CooldownActive,
    /// The plan touches more than the limits allow.
    BlastRadiusExceeded,
    /// The target is frozen.
    Frozen,
    /// The kill switch is not `on`.
    AutomationDisabled,
    /// A person refused.
    ApprovalDenied,
    /// Nobody answered in time.
    ApprovalExpired,
    /// The same request id came with a different payload.
    IdempotencyConflict,
    /// AWS asked us to slow down.
    Throttled,
    /// A dependency answered with a server error or could not be reached.
    DependencyUnavailable,
    /// A dependency did not answer in time.
    DependencyTimeout,
    /// The circuit breaker is open.
    CircuitOpen,
    /// The circuit breaker's state could not be read or written.
    BreakerStoreUnavailable,
    /// The credentials do not permit the call.
    AccessDenied,
    /// The catalogue or the environment is incomplete or contradicts AWS.
    ConfigInvalid,
    /// A metric that the decision needs has no data.
    DataUnavailable,
    /// There is data, but too little of it.
    InsufficientSamples,
    /// The action did not have the wanted effect before its deadline.
    VerificationFailed,
    /// The undo failed.
    RollbackFailed,
    /// The target is unhealthy.
    UnhealthyTarget,
    /// The canary is worse than the baseline.
    CanaryFailed,
    /// A smoke test failed.
    SmokeTestFailed,
    /// An earlier migration stopped half-way.
    MigrateDirty,
    /// An applied migration was edited.
    MigrateChecksumMismatch,
    /// An applied migration is not in the set.
    MigrateVersionMissing,
    /// A migration is older than the newest applied one.
    MigrateOutOfOrder,
    /// A statement would block or destroy.
    MigrateUnsafeStatement,
    /// The migration lock was not obtained.
    MigrateLockTimeout,
    /// A statement ran too long.
    MigrateStatementTimeout,
    /// The schema is not what the migration promised.
    MigrateVerificationFailed,
    /// A function's earlier update still runs.
    LambdaUpdateInProgress,
    /// The image is not in the registry.
    ImageNotFound,
    /// The tag names another digest.
    ImageTagConflict,
    /// The image's scan has not finished.
    ImageScanPending,
    /// The image has vulnerabilities above the limit.
    ImageVulnerabilitiesFound,
    /// The image is for another processor.
    ImageArchMismatch,
}

/// What an error means for the flow: who or what has to act before it goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The caller must change the request.
    Caller,
    /// The world must change; the report says NOOP or REJECTED.
    State,
    /// Somebody else is at work; waiting helps.
    Contention,
    /// A rule forbids it; a person decides.
    Policy,
    /// A person decided, or did not.
    Human,
    /// A dependency misbehaves; counts against the circuit breaker.
    Transient,
    /// The circuit breaker itself.
    Breaker,
    /// The owner of the suite must repair something.
    Operator,
    /// There is not enough evidence; never passes.
    Evidence,
    /// The action's outcome.
    Outcome,
    /// A judgement about a target.
    Verdict,
    /// A database migration.
    Migration,
    /// Images and their supply.
    Supply,
}

/// How a definition should retry an error: the fields of a Retrier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// `IntervalSeconds`, 1 or more.
    pub interval_seconds: u32,
    /// `BackoffRate`, 1.0 or more.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`, where one is set.
    pub max_delay_seconds: Option<u32>,
    /// `MaxAttempts`.
    pub max_attempts: u32,
    /// Whether `JitterStrategy` is `FULL` (else `NONE`).
    pub full_jitter: bool,
}

impl Retry {
    const fn new(interval_seconds: u32, backoff_rate: f64, max_delay_seconds: Option<u32>, max_attempts: u32) -> Self {
        Self { interval_seconds, backoff_rate, max_delay_seconds, max_attempts, full_jitter: false }
    }

    const fn jittered(mut self) -> Self {
        self.full_jitter = true;
        self
    }
}

impl Kind {
    /// Every kind once, in the order of the taxonomy.
    pub const ALL: [Kind; 44] = [
        Kind::InvalidInput,
        Kind::UnknownTarget,
        Kind::ActionNotAllowed,
        Kind::PreconditionFailed,
        Kind::NotApplicable,
        Kind::DeploymentInProgress,
        Kind::LeaseHeld,
        Kind::AlreadyInProgress,
        Kind::ResourceBusy,
        Kind::CooldownActive,
        Kind::BlastRadiusExceeded,
        Kind::Frozen,
        Kind::AutomationDisabled,
        Kind::ApprovalDenied,
        Kind::ApprovalExpired,
        Kind::IdempotencyConflict,
        Kind::Throttled,
        Kind::DependencyUnavailable,
        Kind::DependencyTimeout,
        Kind::CircuitOpen,
        Kind::BreakerStoreUnavailable,
        Kind::AccessDenied,
        Kind::ConfigInvalid,
        Kind::DataUnavailable,
        Kind::InsufficientSamples,
        Kind::VerificationFailed,
        Kind::RollbackFailed,
        Kind::UnhealthyTarget,
        Kind::CanaryFailed,
        Kind::SmokeTestFailed,
        Kind::MigrateDirty,
        Kind::MigrateChecksumMismatch,
        Kind::MigrateVersionMissing,
        Kind::MigrateOutOfOrder,
        Kind::MigrateUnsafeStatement,
        Kind::MigrateLockTimeout,
        Kind::MigrateStatementTimeout,
        Kind::MigrateVerificationFailed,
        Kind::LambdaUpdateInProgress,
        Kind::ImageNotFound,
        Kind::ImageTagConflict,
        Kind::ImageScanPending,
        Kind::ImageVulnerabilitiesFound,
        Kind::ImageArchMismatch,
    ];

    /// The name as Step Functions sees it: the `Error` of a failed task.
    pub fn name(self) -> &'static str {
        match self {
            Kind::InvalidInput => "Ops.InvalidInput",
            Kind::UnknownTarget => "Ops.UnknownTarget",
            Kind::ActionNotAllowed => "Ops.ActionNotAllowed",
            Kind::PreconditionFailed => "Ops.PreconditionFailed",
            Kind::NotApplicable => "Ops.NotApplicable",
            Kind::DeploymentInProgress => "Ops.DeploymentInProgress",
            Kind::LeaseHeld => "Ops.LeaseHeld",
            Kind::AlreadyInProgress => "Ops.AlreadyInProgress",
            Kind::ResourceBusy => "Ops.ResourceBusy",
            Kind::CooldownActive => "Ops.CooldownActive",
            Kind::BlastRadiusExceeded => "Ops.BlastRadiusExceeded",
            Kind::Frozen => "Ops.Frozen",
            Kind::AutomationDisabled => "Ops.AutomationDisabled",
            Kind::ApprovalDenied => "Ops.ApprovalDenied",
            Kind::ApprovalExpired => "Ops.ApprovalExpired",
            Kind::IdempotencyConflict => "Ops.IdempotencyConflict",
            Kind::Throttled => "Ops.Throttled",
            Kind::DependencyUnavailable => "Ops.DependencyUnavailable",
            Kind::DependencyTimeout => "Ops.DependencyTimeout",
            Kind::CircuitOpen => "Ops.CircuitOpen",
            Kind::BreakerStoreUnavailable => "Ops.BreakerStoreUnavailable",
            Kind::AccessDenied => "Ops.AccessDenied",
            Kind::ConfigInvalid => "Ops.ConfigInvalid",
            Kind::DataUnavailable => "Ops.DataUnavailable",
            Kind::InsufficientSamples => "Ops.InsufficientSamples",
            Kind::VerificationFailed => "Ops.VerificationFailed",
            Kind::RollbackFailed => "Ops.RollbackFailed",
            Kind::UnhealthyTarget => "Ops.UnhealthyTarget",
            Kind::CanaryFailed => "Ops.CanaryFailed",
            Kind::SmokeTestFailed => "Ops.SmokeTestFailed",
            Kind::MigrateDirty => "Migrate.Dirty",
            Kind::MigrateChecksumMismatch => "Migrate.ChecksumMismatch",
            Kind::MigrateVersionMissing => "Migrate.VersionMissing",
            Kind::MigrateOutOfOrder => "Migrate.OutOfOrder",
            Kind::MigrateUnsafeStatement => "Migrate.UnsafeStatement",
            Kind::MigrateLockTimeout => "Migrate.LockTimeout",
            Kind::MigrateStatementTimeout => "Migrate.StatementTimeout",
            Kind::MigrateVerificationFailed => "Migrate.VerificationFailed",
            Kind::LambdaUpdateInProgress => "Lambda.UpdateInProgress",
            Kind::ImageNotFound => "Image.NotFound",
            Kind::ImageTagConflict => "Image.TagConflict",
            Kind::ImageScanPending => "Image.ScanPending",
            Kind::ImageVulnerabilitiesFound => "Image.VulnerabilitiesFound",
            Kind::ImageArchMismatch => "Image.ArchMismatch",
        }
    }

    /// The class, which decides the route after a `Catch`.
    pub fn class(self) -> Class {
        match self {
            Kind::InvalidInput | Kind::UnknownTarget | Kind::ActionNotAllowed | Kind::IdempotencyConflict => {
                Class::Caller
            }
            Kind::PreconditionFailed | Kind::NotApplicable => Class::State,
            Kind::DeploymentInProgress
            | Kind::LeaseHeld
            | Kind::AlreadyInProgress
            | Kind::ResourceBusy
            | Kind::LambdaUpdateInProgress => Class::Contention,
            Kind::CooldownActive | Kind::BlastRadiusExceeded | Kind::Frozen | Kind::AutomationDisabled => Class::Policy,
            Kind::ApprovalDenied | Kind::ApprovalExpired => Class::Human,
            Kind::Throttled | Kind::DependencyUnavailable | Kind::DependencyTimeout => Class::Transient,
            Kind::CircuitOpen | Kind::BreakerStoreUnavailable => Class::Breaker,
            Kind::AccessDenied | Kind::ConfigInvalid => Class::Operator,
            Kind::DataUnavailable | Kind::InsufficientSamples => Class::Evidence,
            Kind::VerificationFailed | Kind::RollbackFailed => Class::Outcome,
            Kind::UnhealthyTarget | Kind::CanaryFailed | Kind::SmokeTestFailed => Class::Verdict,
            Kind::MigrateDirty
            | Kind::MigrateChecksumMismatch
            | Kind::MigrateVersionMissing
            | Kind::MigrateOutOfOrder
            | Kind::MigrateUnsafeStatement
            | Kind::MigrateLockTimeout
            | Kind::MigrateStatementTimeout
            | Kind::MigrateVerificationFailed => Class::Migration,
            Kind::ImageNotFound
            | Kind::ImageTagConflict
            | Kind::ImageScanPending
            | Kind::ImageVulnerabilitiesFound
            | Kind::ImageArchMismatch => Class::Supply,
        }
    }

    /// How a definition should retry this error; `None` means that a retry cannot help.
    pub fn retry_hint(self) -> Option<Retry> {
        match self {
            Kind::DeploymentInProgress | Kind::LeaseHeld | Kind::AlreadyInProgress | Kind::ResourceBusy => {
                Some(Retry::new(30, 1.5, Some(120), 10).jittered())
            }
            Kind::Throttled => Some(Retry::new(2, 2.0, Some(60), 8).jittered()),
            Kind::DependencyUnavailable | Kind::DependencyTimeout => Some(Retry::new(2, 2.0, Some(30), 5).jittered()),
            Kind::DataUnavailable | Kind::InsufficientSamples => Some(Retry::new(30, 1.0, None, 4)),
            Kind::RollbackFailed => Some(Retry::new(10, 2.0, None, 3)),
            Kind::MigrateLockTimeout => Some(Retry::new(15, 1.0, None, 6)),
            Kind::LambdaUpdateInProgress => Some(Retry::new(5, 1.5, Some(30), 20)),
            Kind::ImageScanPending => Some(Retry::new(15, 1.0, None, 20)),
            _ => None,
        }
    }

    /// Whether the error counts as a failure of the circuit breaker's operation.
    pub fn trips_breaker(self) -> bool {
        self.class() == Class::Transient
    }

    /// The kind of that name, for reading an `Error` back from a history or a dead-letter message.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A failure with a name that a definition can match and a message that a person can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: Kind,
    message: String,
}

impl Error {
    /// A failure of this kind; the message says what was wrong and what to do about it.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The name as Step Functions sees it.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// The class, which decides the route after a `Catch`.
    pub fn class(&self) -> Class {
        self.kind.class()
    }

    /// How a definition should retry this error.
    pub fn retry_hint(&self) -> Option<Retry> {
        self.kind.retry_hint()
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same failure with what was being done put before its message.
    #[must_use]
    pub fn during(self, what: &str) -> Self {
        Self { kind: self.kind, message: format!("{what}: {}", self.message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_lists_every_kind_once_and_in_order() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index, "{kind} is out of order");
        }
        assert_eq!(Kind::ImageArchMismatch as usize + 1, Kind::ALL.len(), "the last kind ends the list");
        let names: BTreeSet<_> = Kind::ALL.into_iter().map(Kind::name).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }

    #[test]
    fn names_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::from_name("States.Timeout"), None);
    }

    #[test]
    fn only_transient_errors_trip_the_breaker() {
        let tripping: Vec<_> = Kind::ALL.into_iter().filter(|kind| kind.trips_breaker()).collect();
        assert_eq!(tripping, [Kind::Throttled, Kind::DependencyUnavailable, Kind::DependencyTimeout]);
    }

    #[test]
    fn a_caller_or_policy_error_is_never_retried() {
        for kind in Kind::ALL {
            if matches!(kind.class(), Class::Caller | Class::Policy | Class::Human | Class::Operator | Class::State) {
                assert_eq!(kind.retry_hint(), None, "{kind}");
            }
            if matches!(kind.class(), Class::Contention | Class::Transient | Class::Evidence) {
                assert!(kind.retry_hint().is_some(), "{kind}");
            }
        }
    }
}

//! Scaling activities: what was done, and what was not done and why.

/// Why nothing was scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotScaled {
    /// AWS's code, for example `AlreadyAtMaxCapacity`.
    pub(crate) code: &'static str,
    /// The maximum at that time.
    pub(crate) maximum: i64,
    /// The minimum at that time.
    pub(crate) minimum: i64,
    /// The desired count at that time.
    pub(crate) current: i64,
}

/// One scaling activity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Activity {
    /// A UUID.
    pub(crate) id: String,
    /// What it does.
    pub(crate) description: String,
    /// What caused it.
    pub(crate) cause: String,
    /// When it began; it also ended then, as far as Auto Scaling is concerned.
    pub(crate) start_ms: i64,
    /// What came of it.
    pub(crate) message: String,
    /// Why nothing came of it.
    pub(crate) not_scaled: Option<NotScaled>,
}

impl Activity {
    /// The desired count was set.
    pub(super) fn scaled(id: String, desired: i64, cause: String, start_ms: i64) -> Self {
        let description = format!("Setting desired count to {desired}.");
        let message = format!("Successfully set desired count to {desired}. Change successfully fulfilled by ecs.");
        Self { id, description, cause, start_ms, message, not_scaled: None }
    }

    /// A scheduled action set new limits.
    pub(super) fn limits(id: String, minimum: i64, maximum: i64, action: &str, start_ms: i64) -> Self {
        Self {
            id,
            description: format!("Setting min capacity to {minimum} and max capacity to {maximum}"),
            cause: format!("scheduled action name {action} was triggered"),
            start_ms,
            message: format!("Successfully set min capacity to {minimum} and max capacity to {maximum}"),
            not_scaled: None,
        }
    }

    /// A policy wanted to scale and could not.
    pub(super) fn refused(id: String, cause: String, start_ms: i64, reason: NotScaled) -> Self {
        Self {
            id,
            description: "Attempting to scale due to alarm triggered".to_owned(),
            cause,
            start_ms,
            message: "Unable to scale due to the reasons in NotScaledReasons".to_owned(),
            not_scaled: Some(reason),
        }
    }
}

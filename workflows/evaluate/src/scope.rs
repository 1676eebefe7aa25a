//! What an expression can see.

use asl::{Object, Value};

/// What an expression can see, and its sources of time and randomness.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// JSONPath: the document `$`. JSONata: `$states.input`.
    pub input: &'a Value,
    /// JSONata: `$states.result`, in the fields that see one.
    pub result: Option<&'a Value>,
    /// JSONata: `$states.errorOutput`, in a catcher.
    pub error_output: Option<&'a Value>,
    /// The context object: `$$` in JSONPath, `$states.context` in JSONata.
    pub context: &'a Value,
    /// The variables in sight, by name without `$`.
    pub variables: &'a Object,
    /// Milliseconds since 1970 for `$now` and `$millis`.
    pub now: i64,
    /// What `$random`, `$uuid`, `$shuffle`, `States.UUID` and `States.MathRandom` draw from. The same seed gives the
    /// same values; the name of the field is mixed in, but not into payload
    /// templates: give each of those a seed of its own.
    pub seed: u128,
}

#[cfg(test)]
impl<'a> Scope<'a> {
    /// A scope at the beginning of time, without result and error.
    pub(crate) const fn of(input: &'a Value, context: &'a Value, variables: &'a Object, seed: u128) -> Self {
        Self { input, result: None, error_output: None, context, variables, now: 0, seed }
    }
}

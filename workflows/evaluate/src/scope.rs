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
    /// same values; the name of the field is mixed in, so the fields of one state may share a seed.
    pub seed: u128,
}

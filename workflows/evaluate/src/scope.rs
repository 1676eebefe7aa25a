//! What an expression can see.

use asl::{Object, Value};

/// The context object, which few expressions look at: it may be made when the first does.
pub trait ContextObject: std::fmt::Debug {
    /// The object.
    fn object(&self) -> &Value;
}

impl ContextObject for Value {
    fn object(&self) -> &Value {
        self
    }
}

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
    pub context: &'a dyn ContextObject,
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
    pub(crate) const fn of(
        input: &'a Value,
        context: &'a dyn ContextObject,
        variables: &'a Object,
        seed: u128,
    ) -> Self {
        Self { input, result: None, error_output: None, context, variables, now: 0, seed }
    }
}

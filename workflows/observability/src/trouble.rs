//! Says once that a place cannot be reached, and once that it can again: what is lost meanwhile is counted.

use std::fmt::Display;

/// Whether a place is in trouble.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    failing: bool,
}

impl Trouble {
    /// Something was not delivered to `place`.
    pub(crate) fn failed(&mut self, place: &str, error: &dyn Display) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(place, %error, "what executions do cannot be delivered; what is lost is counted");
        }
    }

    /// Something was delivered to `place`.
    pub(crate) fn worked(&mut self, place: &str) {
        if std::mem::take(&mut self.failing) {
            tracing::warn!(place, "what executions do is delivered again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_lasts_until_something_works() {
        let mut trouble = Trouble::default();
        trouble.failed("p", &"e");
        assert!(trouble.failing);
        trouble.worked("p");
        assert!(!trouble.failing);
    }
}

//! Time: the only reader of the system clock in this crate. Signatures go by real time, whatever an engine's clock says.

use std::time::SystemTime;

/// Now.
#[expect(clippy::disallowed_methods, reason = "this module is the crate's only reader of the clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

//! `Fail`: ends the execution badly.

use crate::Fail;
use crate::fields::Fields;

pub(super) fn read(fields: &mut Fields<'_>) -> Fail {
    Fail { error: fields.text_field("Error", "ErrorPath"), cause: fields.text_field("Cause", "CausePath") }
}

//! `Pass`: passes or shapes data.

use super::transition;
use crate::fields::Fields;
use crate::{Pass, QueryLanguage};

pub(super) fn read(fields: &mut Fields<'_>) -> Pass {
    let result = fields.only(QueryLanguage::JsonPath, "Result").cloned();
    Pass { result, transition: transition(fields) }
}

//! `Retry` and `Catch`.

use std::sync::Arc;

use super::{elements, required, template};
use crate::fields::{Fields, described};
use crate::parse::MAX_SECONDS;
use crate::{Catcher, Jitter, Recovery, Retrier, Value};

/// The largest `MaxDelaySeconds`: a leap year, exclusive.
const MAX_DELAY_SECONDS: u64 = 31_622_399;

pub(super) fn read(fields: &mut Fields<'_>) -> Recovery {
    let retriers = fields.members().get("Retry").and_then(Value::as_array).map_or(0, <[Value]>::len);
    let catchers = fields.members().get("Catch").and_then(Value::as_array).map_or(0, <[Value]>::len);
    Recovery {
        retry: elements(fields, "Retry", |element, index| retrier(element, index + 1 == retriers)).unwrap_or_default(),
        catch: elements(fields, "Catch", |element, index| catcher(element, index + 1 == catchers)).unwrap_or_default(),
    }
}

fn retrier(fields: &mut Fields<'_>, last: bool) -> Retrier {
    fields.string("Comment");
    let max_attempts = fields.integer("MaxAttempts", 0..=MAX_SECONDS).unwrap_or(3);
    Retrier {
        error_equals: error_equals(fields, last),
        interval_seconds: fields.integer("IntervalSeconds", 1..=MAX_SECONDS).unwrap_or(1),
        max_attempts: u32::try_from(max_attempts).unwrap_or(u32::MAX),
        backoff_rate: fields.double("BackoffRate", 1.0).unwrap_or(2.0),
        max_delay_seconds: fields.integer("MaxDelaySeconds", 1..=MAX_DELAY_SECONDS),
        jitter: fields.word("JitterStrategy", &[("NONE", Jitter::None), ("FULL", Jitter::Full)]).unwrap_or_default(),
    }
}

fn catcher(fields: &mut Fields<'_>, last: bool) -> Catcher {
    fields.string("Comment");
    Catcher {
        error_equals: error_equals(fields, last),
        next: required(fields, "Next"),
        result_path: fields.result_path(),
        output: template::jsonata(fields, "Output"),
        assign: template::assign(fields),
    }
}

fn error_equals(fields: &mut Fields<'_>, last: bool) -> Vec<Arc<str>> {
    let items = fields.array("ErrorEquals");
    let Some(items) = fields.require("ErrorEquals", items) else { return Vec::new() };
    if items.is_empty() {
        fields.fail("ErrorEquals", "Field 'ErrorEquals' must have at least one error name");
    }
    let mut names = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let location = format!("{}[{index}]", fields.at("ErrorEquals"));
        let Value::String(name) = item else {
            fields.parser().schema(&location, format!("An error name must be a string, was {}", described(item)));
            continue;
        };
        if &**name == "States.ALL" && !(last && items.len() == 1) {
            fields.parser().schema(&location, "States.ALL must appear alone and at end of list");
        }
        names.push(name.clone());
    }
    names
}

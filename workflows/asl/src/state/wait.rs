//! `Wait`: waits for a time.

use super::transition;
use crate::fields::{Fields, is_expression};
use crate::parse::MAX_SECONDS;
use crate::{NumberField, QueryLanguage, TextField, Until, Wait};

const FIELDS: [&str; 4] = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];

pub(super) fn read(fields: &mut Fields<'_>) -> Wait {
    let given = FIELDS.iter().filter(|name| fields.has(name)).count();
    if given != 1 {
        fields.fail_whole(format!("Exactly one of these fields is required: [{}]", FIELDS.join(", ")));
    }
    let until = if given > 1 { skip(fields) } else { until(fields) };
    Wait { until: until.unwrap_or(Until::Seconds(NumberField::Literal(0))), transition: transition(fields) }
}

/// Takes notice of the fields without reading them: which one is meant is unknown.
fn skip(fields: &mut Fields<'_>) -> Option<Until> {
    for name in FIELDS {
        fields.value(name);
    }
    None
}

fn until(fields: &mut Fields<'_>) -> Option<Until> {
    let seconds = fields.number_field("Seconds", "SecondsPath", 0..=MAX_SECONDS).map(Until::Seconds);
    let timestamp = timestamp(fields).map(Until::Timestamp);
    seconds.or(timestamp)
}

fn timestamp(fields: &mut Fields<'_>) -> Option<TextField> {
    if let Some(path) = fields.path("TimestampPath") {
        return Some(TextField::Path(path));
    }
    let text = fields.string("Timestamp")?;
    if fields.language() == QueryLanguage::Jsonata && is_expression(&text) {
        return Some(TextField::Expression(text));
    }
    if !is_timestamp(&text) {
        fields.fail("Timestamp", "String does not match RFC3339 timestamp");
    }
    Some(TextField::Literal(text))
}

/// RFC 3339 with a capital `T`, and a capital `Z` or an offset, as the specification demands.
pub(super) fn is_timestamp(text: &str) -> bool {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    let letters = text.as_bytes().get(10) == Some(&b'T') && !text.ends_with('z');
    letters && OffsetDateTime::parse(text, &Rfc3339).is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_timestamp;

    #[test]
    fn timestamps_need_capital_letters_and_an_offset() {
        for good in ["2016-03-14T01:59:00Z", "2016-03-14T01:59:00.123456Z", "2016-03-14T01:59:00-07:00"] {
            assert!(is_timestamp(good), "{good}");
        }
        for bad in
            ["2016-03-14 01:59:00Z", "2016-03-14t01:59:00Z", "2016-03-14T01:59:00", "2016-13-14T01:59:00Z", "", "é"]
        {
            assert!(!is_timestamp(bad), "{bad}");
        }
    }
}

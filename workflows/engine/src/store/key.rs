//! How keys look. Numbers are big-endian, so that the order of keys is the order of numbers.
//!
//! | space | key | value |
//! |---|---|---|
//! | meta | `format`, `clock` | JSON |
//! | machines | ARN | JSON |
//! | versions | ARN of the version | JSON |
//! | aliases | ARN of the alias | JSON |
//! | definitions | SHA-256 of the text, 32 bytes | the text |
//! | activities | ARN | JSON |
//! | executions | ARN | JSON |
//! | listing | name of the state machine or ARN of the Map Run, 0, number of the execution with its bits flipped | ARN |
//! | open | number of the execution, 8 bytes | ARN |
//! | journal | number of the execution, 8 bytes; index of the first event, 8 bytes | JSON array of events |
//! | map_runs | ARN | JSON |
//! | changes | milliseconds, 8 bytes, sign flipped; number of the execution, 8 bytes; its events then, 8 bytes | JSON |
//! | kept | as whoever keeps it says, text | as they say |
//! | due | milliseconds, 8 bytes, sign flipped; number of the execution, 8 bytes | ARN |

use execution::Millis;

/// Key of an open execution, and what the keys of its events begin with.
pub(crate) fn number(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// Key of the events from `index` on.
pub(crate) fn journal(number: u64, index: u64) -> Vec<u8> {
    [number.to_be_bytes(), index.to_be_bytes()].concat()
}

/// Execution and index of a journal key.
pub(crate) fn parse_journal(key: &[u8]) -> Option<(u64, u64)> {
    let (number, index) = key.split_at_checked(8)?;
    Some((u64::from_be_bytes(number.try_into().ok()?), u64::from_be_bytes(index.try_into().ok()?)))
}

/// What the keys of the executions of a state machine or a Map Run begin with, in the listing of executions.
pub(crate) fn group(group: &str) -> Vec<u8> {
    // No name and no ARN has a zero.
    [group.as_bytes(), &[0]].concat()
}

/// Key of an execution in the listing of its group: the newest is first.
pub(crate) fn listed(of: &str, number: u64) -> Vec<u8> {
    [group(of), (!number).to_be_bytes().to_vec()].concat()
}

/// The execution of a key in a listing.
pub(crate) fn parse_listed(key: &[u8]) -> Option<u64> {
    Some(!u64::from_be_bytes(*key.last_chunk()?))
}

/// Key of an execution's due time.
pub(crate) fn due(due: Millis, number: u64) -> Vec<u8> {
    // Flipping the sign bit puts negative instants before positive ones.
    let due = due.cast_unsigned() ^ (1 << 63);
    [due.to_be_bytes(), number.to_be_bytes()].concat()
}

/// Key of a change of an execution's status, when it had that many events.
pub(crate) fn change(at: Millis, number: u64, events: u64) -> Vec<u8> {
    [due(at, number), events.to_be_bytes().to_vec()].concat()
}

/// The first key after all that begin with `prefix`; `None` where there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// A key for people: as text where it is one, else in hexadecimal.
pub(crate) fn printable(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => key.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_keys_sort_by_time_then_number() {
        let keys = [due(i64::MIN, 9), due(-1, 9), due(0, 1), due(0, 2), due(1, 0), due(i64::MAX, 0)];
        assert!(keys.is_sorted());
    }

    #[test]
    fn journal_keys_sort_by_execution_then_index_and_read_back() {
        let keys = [journal(1, 0), journal(1, 255), journal(1, 256), journal(2, 0)];
        assert!(keys.is_sorted());
        assert_eq!(parse_journal(&keys[2]), Some((1, 256)));
        assert_eq!(parse_journal(b"short"), None);
        assert!(keys[0].starts_with(&number(1)));
    }

    #[test]
    fn a_listing_has_the_newest_first_and_groups_apart() {
        let keys = [listed("m", 2), listed("m", 1), listed("m", 0), listed("m2", 7)];
        assert!(keys.is_sorted());
        assert_eq!(parse_listed(&keys[1]), Some(1));
        assert!(keys[0].starts_with(&group("m")) && !keys[3].starts_with(&group("m")));
    }

    #[test]
    fn the_end_of_a_prefix_skips_full_bytes() {
        assert_eq!(after_prefix(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after_prefix(&[1, 0xff]), Some(vec![2]));
        assert_eq!(after_prefix(&[0xff, 0xff]), None);
        assert_eq!(after_prefix(b""), None);
    }
}

//! How long starts take, read off what a service wanted and what it had.

use crate::history::History;
use crate::time::Millis;

/// A start that takes longer is none: the tasks failed, or the limit was lowered again.
const LONGEST_MS: Millis = 30 * 60_000;

/// For each rise of the wanted number of tasks, how many seconds passed until as many were there; to half a period.
/// `there` is the healthy ones behind a load balancer, else the running ones, in the same periods. A rise that comes
/// while an earlier one is waited for, or after which fewer are wanted before they are there, is left out.
pub fn starts(wanted: &History, there: &History) -> Vec<f64> {
    let wants: Vec<(Millis, f64)> = wanted.known().collect();
    let mut found = Vec::new();
    let mut waiting_until = Millis::MIN;
    for pair in wants.windows(2) {
        let ((before, few), (at, many)) = (pair[0], pair[1]);
        let neighbours = at - before == wanted.period_ms();
        let complete = there.value_at(before).is_some_and(|there| there >= few);
        if many <= few || !neighbours || !complete || at < waiting_until {
            continue;
        }
        let after = wanted.between(at, at + LONGEST_MS);
        let arrival = after.known().take_while(|(_, still)| *still >= many).find(|(time, still)| {
            // Wanted once more: from then on it is another start.
            *still == many && there.value_at(*time).is_some_and(|there| there >= many)
        });
        waiting_until = arrival.map_or(at, |(time, _)| time);
        found.extend(arrival.map(|(time, _)| (time - at) as f64 / 1_000.0));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(values: &[f64]) -> History {
        History::new(0, 60, values.iter().map(|value| Some(*value).filter(|value| *value >= 0.0)).collect())
    }

    #[test]
    fn a_start_lasts_from_the_wish_until_the_tasks_are_there() {
        let wanted = history(&[2.0, 4.0, 4.0, 4.0, 4.0, 5.0, 5.0]);
        let there = history(&[2.0, 2.0, 2.0, 4.0, 4.0, 4.0, 5.0]);
        assert_eq!(starts(&wanted, &there), [120.0, 60.0]);
    }

    #[test]
    fn what_was_given_up_or_was_short_before_or_is_unknown_does_not_count() {
        assert!(starts(&history(&[2.0, 4.0, 2.0, 2.0]), &history(&[2.0, 2.0, 2.0, 2.0])).is_empty(), "given up");
        assert!(starts(&history(&[2.0, 4.0, 4.0]), &history(&[1.0, 1.0, 4.0])).is_empty(), "short before");
        assert!(starts(&history(&[2.0, -1.0, 4.0, 4.0]), &history(&[2.0, 2.0, 2.0, 4.0])).is_empty(), "a gap");
        assert!(starts(&History::default(), &History::default()).is_empty());
    }
}

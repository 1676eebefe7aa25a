//! An SDK integration whose action the service does not have.

use super::{Finding, Subject};
use crate::Kind;

/// The actions of the services that definitions call most, by the services' public API models; each service's name
/// stands before its actions, with a colon.
const ACTIONS: &str = include_str!("sdk_actions.txt");

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Kind::Task(task) = &subject.visited.state.kind else { return Vec::new() };
    let Some((service, action)) = sdk_call(&task.resource) else { return Vec::new() };
    let Some(actions) = actions(service) else { return Vec::new() };
    if actions.split_whitespace().any(|known| known == action) {
        return Vec::new();
    }
    let hint = nearest(actions, action).map_or_else(String::new, |known| format!(": did you mean {known}?"));
    let message = format!("The service {service} has no action {action}{hint}");
    vec![Finding::new(message, format!("{}/Resource", subject.visited.location))]
}

/// Service and action of `arn:PARTITION:states:REGION:ACCOUNT:aws-sdk:SERVICE:ACTION[.PATTERN]`.
fn sdk_call(resource: &str) -> Option<(&str, &str)> {
    let call = resource.splitn(6, ':').nth(5)?.strip_prefix("aws-sdk:")?;
    let (service, action) = call.split_once(':')?;
    let action = action.split_once('.').map_or(action, |(action, _)| action);
    (!call.contains("${")).then_some((service, action))
}

/// The actions of a service, where they are known.
fn actions(service: &str) -> Option<&'static str> {
    let mut lines = ACTIONS.split_inclusive('\n');
    let before: usize =
        lines.by_ref().take_while(|line| line.trim_end().strip_suffix(':') != Some(service)).map(str::len).sum();
    let start = before + service.len() + 2;
    let length: usize = lines.take_while(|line| line.starts_with(' ')).map(str::len).sum();
    ACTIONS.get(start..start + length).filter(|actions| !actions.is_empty())
}

/// The action that differs by a few letters at most.
fn nearest(actions: &'static str, action: &str) -> Option<&'static str> {
    let close = |known: &&str| distance(known, action) <= 2;
    actions.split_whitespace().filter(close).min_by_key(|known| distance(known, action))
}

/// Letters to insert, drop or replace until one word is the other, however they are capitalised.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, candidate) in other.iter().enumerate() {
            let changed = diagonal + usize::from(*candidate != letter);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_service_by_service() {
        assert!(actions("sts").unwrap().contains("assumeRole"));
        assert!(actions("dynamodb").unwrap().contains("query") && !actions("dynamodb").unwrap().contains("listTasks"));
        assert_eq!(actions("nosuchservice"), None);
        assert_eq!(actions("namodb"), None);
    }

    #[test]
    fn a_slip_of_the_pen_is_mended() {
        assert_eq!(nearest(actions("s3").unwrap(), "listObjectV2"), Some("listObjectsV2"));
        assert_eq!(nearest(actions("s3").unwrap(), "fly"), None);
        assert_eq!(distance("query", "Query"), 0);
    }
}

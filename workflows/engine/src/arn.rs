//! Names and ARNs: how they are made, and what is refused.

use crate::exception::Error;

/// The partition, account and region that this engine's ARNs name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Place {
    /// ARN of the state machine `name`.
    pub(crate) fn machine(&self, name: &str) -> String {
        self.arn("stateMachine", name)
    }

    /// ARN of the activity `name`.
    pub(crate) fn activity(&self, name: &str) -> String {
        self.arn("activity", name)
    }

    /// ARN of the execution `name` of the state machine `machine`.
    pub(crate) fn execution(&self, machine: &str, name: &str) -> String {
        self.arn("execution", &format!("{machine}:{name}"))
    }

    fn arn(&self, kind: &str, rest: &str) -> String {
        format!("arn:aws:states:{}:{}:{kind}:{rest}", self.region, self.account)
    }
}

/// The part of an ARN after its account, where it is an ARN of Step Functions of kind `kind` (`stateMachine`,
/// `execution`, `activity`).
///
/// # Errors
/// `InvalidArn`.
pub(crate) fn resource<'a>(arn: &'a str, kind: &str) -> Result<&'a str, Error> {
    let mut parts = arn.splitn(7, ':');
    let (prefix, _partition, service) = (parts.next(), parts.next(), parts.next());
    let (_region, _account, found, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
    match (prefix, service, found, rest) {
        (Some("arn"), Some("states"), Some(found), Some(rest)) if found == kind && !rest.is_empty() => Ok(rest),
        (Some("arn"), Some(_), Some(found), Some(_)) => {
            Err(Error::InvalidArn(format!("Resource type not valid in this context: {found}")))
        }
        _ => Err(Error::InvalidArn(format!("Invalid ARN prefix: {arn}"))),
    }
}

/// What a name may not have, beside white space and control characters.
const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";

/// The characters a name may have at most.
const NAME_CHARACTERS: usize = 80;

/// Checks a name of a state machine, an execution or an activity.
///
/// # Errors
/// `InvalidName`.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let bad = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || FORBIDDEN.contains(character)
            || matches!(character, '\u{fffe}' | '\u{ffff}')
    };
    if name.is_empty() || name.chars().count() > NAME_CHARACTERS || name.chars().any(bad) {
        return Err(Error::InvalidName(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_taken_apart_by_kind() {
        let place = Place { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
        assert_eq!(resource(&place.execution("m", "e"), "execution").unwrap(), "m:e");
        assert_eq!(resource(&place.machine("m"), "stateMachine").unwrap(), "m");
        let error = resource(&place.activity("a"), "execution").unwrap_err();
        assert_eq!(error.to_string(), "Invalid Arn: 'Resource type not valid in this context: activity'");
        for text in ["", "X", "arn:aws:states", "arn:aws:states:r:a:execution"] {
            let error = resource(text, "execution").unwrap_err();
            assert_eq!(error.to_string(), format!("Invalid Arn: 'Invalid ARN prefix: {text}'"));
        }
    }

    #[test]
    fn names_have_their_rules() {
        for name in ["a", "a-b_c.d+e=f@g!h'i(j)", &"x".repeat(80), "été"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a/b", "a\u{0}b", "a|b", "a`b", "a\tb", &"x".repeat(81)] {
            assert_eq!(check_name(name).unwrap_err().to_string(), format!("Invalid Name: '{name}'"));
        }
    }
}

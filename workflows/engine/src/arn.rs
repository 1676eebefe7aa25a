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

    /// What the ARN of an EXPRESS execution called `name` of the state machine `machine` begins with.
    pub(crate) fn express_of(&self, machine: &str, name: &str) -> String {
        self.arn("express", &format!("{machine}:{name}"))
    }

    /// What the ARNs of all EXPRESS executions begin with.
    pub(crate) fn all_express(&self) -> String {
        self.arn("express", "")
    }

    /// ARN of the EXPRESS execution `name` of the state machine `machine`; `id` tells it from others of its name.
    pub(crate) fn express(&self, machine: &str, name: &str, id: &str) -> String {
        self.arn("express", &format!("{machine}:{name}:{id}"))
    }

    /// What the ARNs of all executions of the state machine `machine` begin with, children of its Map Runs among them.
    pub(crate) fn executions(&self, machine: &str) -> [String; 3] {
        [("execution", ":"), ("execution", "/"), ("express", "/")]
            .map(|(kind, after)| self.arn(kind, &format!("{machine}{after}")))
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
    match split(arn)? {
        ("states", found, rest) if found == kind && !rest.is_empty() => Ok(rest),
        (_, found, _) => Err(wrong_kind(found)),
    }
}

/// The ARN of a state machine, of a version or of an alias, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MachineArn<'a> {
    /// ARN of the machine itself.
    pub(crate) machine: &'a str,
    /// The version's number or the alias's name.
    pub(crate) qualifier: Option<&'a str>,
}

impl MachineArn<'_> {
    /// The number of the version, where it names one. An alias has a character that is no digit.
    pub(crate) fn version(&self) -> Option<u64> {
        let number: u64 = self.qualifier?.parse().ok()?;
        // One spelling per version: ARNs are compared as texts.
        Some(number).filter(|number| number.to_string() == self.qualifier.unwrap_or_default())
    }
}

/// Takes the ARN of a state machine, of a version or of an alias apart.
///
/// # Errors
/// `InvalidArn`.
pub(crate) fn machine(arn: &str) -> Result<MachineArn<'_>, Error> {
    let rest = resource(arn, "stateMachine")?;
    let Some((name, qualifier)) = rest.split_once(':') else { return Ok(MachineArn { machine: arn, qualifier: None }) };
    let machine = &arn[..arn.len() - rest.len() + name.len()];
    Ok(MachineArn { machine, qualifier: Some(qualifier) })
}

/// ARN of the version `number` of the state machine with the ARN `machine`.
pub(crate) fn version(machine: &str, number: u64) -> String {
    format!("{machine}:{number}")
}

/// ARN of the alias `name` of the state machine with the ARN `machine`.
pub(crate) fn alias(machine: &str, name: &str) -> String {
    format!("{machine}:{name}")
}

/// What an ARN of Step Functions names: `stateMachine`, `execution`, `activity`.
///
/// # Errors
/// `InvalidArn`.
pub(crate) fn kind(arn: &str) -> Result<&str, Error> {
    match split(arn)? {
        ("states", found, rest) if !rest.is_empty() => Ok(found),
        (_, found, _) => Err(wrong_kind(found)),
    }
}

/// The refusal of an ARN of another kind than the operation takes.
pub(crate) fn wrong_kind(found: &str) -> Error {
    Error::InvalidArn(format!("Resource type not valid in this context: {found}"))
}

/// Service, kind and the rest of an ARN.
fn split(arn: &str) -> Result<(&str, &str, &str), Error> {
    let mut parts = arn.splitn(7, ':');
    let (prefix, _partition, service) = (parts.next(), parts.next(), parts.next());
    let (_region, _account, found, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
    match (prefix, service, found, rest) {
        (Some("arn"), Some(service), Some(found), Some(rest)) => Ok((service, found, rest)),
        _ => Err(Error::InvalidArn(format!("Invalid ARN prefix: {arn}"))),
    }
}

/// What a name may not have, beside white space and control characters.
const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";

/// The characters a name may have at most.
const NAME_CHARACTERS: usize = 80;

/// Which names of state machines, executions and activities there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// AWS's rules: 1 to 80 characters, without white space, brackets, wildcards and most other signs.
    #[default]
    AsOnAws,
    /// Any signs that an ARN can hold in one of its parts: not `:`, `/` and control characters. 80 characters stay.
    Any,
}

impl Names {
    /// Checks a name of a state machine, an execution or an activity.
    ///
    /// # Errors
    /// `InvalidName`.
    pub(crate) fn check(self, name: &str) -> Result<(), Error> {
        match self {
            Self::AsOnAws => check_name(name),
            Self::Any => {
                let bad = |character: char| character.is_control() || matches!(character, ':' | '/');
                check_by(bad, name)
            }
        }
    }
}

/// Checks a name by AWS's rules.
fn check_name(name: &str) -> Result<(), Error> {
    let bad = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || FORBIDDEN.contains(character)
            || matches!(character, '\u{fffe}' | '\u{ffff}')
    };
    check_by(bad, name)
}

fn check_by(bad: impl Fn(char) -> bool, name: &str) -> Result<(), Error> {
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
    fn versions_and_aliases_are_of_a_machine() {
        let place = Place { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
        let bare = place.machine("m");
        assert_eq!(machine(&bare).unwrap(), MachineArn { machine: &bare, qualifier: None });
        for (qualifier, number) in
            [("12", Some(12)), ("PROD", None), ("1a", None), ("01", None), ("+1", None), ("", None)]
        {
            let arn = alias(&bare, qualifier);
            let named = machine(&arn).unwrap();
            assert_eq!((named.machine, named.qualifier, named.version()), (&*bare, Some(qualifier), number));
        }
        assert_eq!(machine(&version(&bare, 7)).unwrap().version(), Some(7));
        assert!(machine(&place.activity("a")).is_err());
    }

    #[test]
    fn names_have_their_rules() {
        for name in ["a", "a-b_c.d+e=f@g!h'i(j)", &"x".repeat(80), "été"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a/b", "a\u{0}b", "a|b", "a`b", "a\tb", &"x".repeat(81)] {
            assert_eq!(check_name(name).unwrap_err().to_string(), format!("Invalid Name: '{name}'"));
        }
        for name in ["a b", "a|b", "{}"] {
            assert!(Names::Any.check(name).is_ok() && Names::AsOnAws.check(name).is_err(), "{name}");
        }
        for name in ["", "a/b", "a:b", "a\u{0}b", &"x".repeat(81)] {
            assert_eq!(Names::Any.check(name).unwrap_err().code(), "InvalidName", "{name}");
        }
    }
}

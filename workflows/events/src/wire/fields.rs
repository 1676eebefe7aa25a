//! The members of a request, checked all together: the answer names every one that is wrong.

use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use crate::fault::Fault;

/// A pattern as AWS writes it, and the characters that it allows.
type Allowed = (&'static str, fn(char) -> bool);

/// What a text may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    pub(super) length: (usize, usize),
    pub(super) pattern: Option<Allowed>,
}

impl Text {
    pub(super) const fn upto(most: usize) -> Self {
        Self { length: (0, most), pattern: None }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// The name of a rule.
pub(super) const RULE: Text = Text { length: (1, 64), pattern: Some(("[\\.\\-_A-Za-z0-9]+", is_word)) };
/// The name of a target within its rule.
pub(super) const TARGET: Text = RULE;
/// The name of a bus, or its ARN.
pub(super) const BUS: Text = Text {
    length: (1, 1600),
    pattern: Some((
        "(arn:aws[\\w-]*:events:[a-z]+-[a-z]+-[\\w-]+:[0-9]{12}:event-bus\\/)?[/\\.\\-_A-Za-z0-9]+",
        is_bus,
    )),
};
/// The name of a schedule or of a group of them.
pub(super) const SCHEDULE: Text = Text { length: (1, 64), pattern: Some(("^[0-9a-zA-Z-_.]+$", is_word)) };

fn is_bus(c: char) -> bool {
    is_word(c) || c == ':' || c == '/'
}

/// A request's members.
pub(super) struct Fields<'a> {
    members: Option<&'a Map<String, Value>>,
    /// Behind a lock: requests are answered by more than one thread.
    problems: Mutex<Vec<String>>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        Self { members: value.as_object(), problems: Mutex::default() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.members?.get(name).filter(|value| !value.is_null())
    }

    fn problems(&self) -> MutexGuard<'_, Vec<String>> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complain(&self, problem: String) {
        self.problems().push(problem);
    }

    /// A text that may be absent.
    pub(super) fn text(&self, name: &str, kind: Text) -> Option<&'a str> {
        let value = self.get(name)?;
        let Some(text) = value.as_str() else {
            self.complain(format!("Value at '{}' failed to satisfy constraint: Member must be a string", camel(name)));
            return None;
        };
        self.check_text(name, text, kind);
        Some(text)
    }

    /// Checks a text that stands elsewhere, in the path or the query.
    pub(super) fn check_text(&self, name: &str, text: &str, kind: Text) {
        let complain = |constraint: String| {
            self.complain(format!("Value '{text}' at '{}' failed to satisfy constraint: {constraint}", camel(name)));
        };
        let length = text.chars().count();
        if length < kind.length.0 {
            complain(format!("Member must have length greater than or equal to {}", kind.length.0));
        }
        if length > kind.length.1 {
            complain(format!("Member must have length less than or equal to {}", kind.length.1));
        }
        if let Some((pattern, _)) = kind.pattern.filter(|(_, allowed)| !text.chars().all(allowed)) {
            complain(format!("Member must satisfy regular expression pattern: {pattern}"));
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str, kind: Text) -> &'a str {
        self.must_have(name);
        self.text(name, kind).unwrap_or_default()
    }

    /// Complains where a member is absent.
    pub(super) fn must_have(&self, name: &str) {
        if self.get(name).is_none() {
            self.complain(format!(
                "Value null at '{}' failed to satisfy constraint: Member must not be null",
                camel(name)
            ));
        }
    }

    /// One of several words.
    pub(super) fn one_of(&self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(name, Text::upto(usize::MAX))?;
        let found = words.iter().find(|word| **word == text);
        if found.is_none() {
            self.complain(format!(
                "Value '{text}' at '{}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
                camel(name),
                words.join(", ")
            ));
        }
        found.copied()
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(name)?;
        let number = value.as_u64().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            self.complain(format!(
                "Value '{value}' at '{}' failed to satisfy constraint: Member must have value between {least} and {most}",
                camel(name)
            ));
        }
        number
    }

    /// A list of so many.
    pub(super) fn list(&self, name: &str, length: RangeInclusive<usize>) -> &'a [Value] {
        self.must_have(name);
        let items = self.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if self.get(name).is_some() && !length.contains(&items.len()) {
            self.complain(format!(
                "Value at '{}' failed to satisfy constraint: Member must have length between {} and {}",
                camel(name),
                length.start(),
                length.end()
            ));
        }
        items
    }

    /// Refuses what was complained of.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let problems = self.problems();
        match problems.len() {
            0 => Ok(()),
            1 => Err(Fault::validation(format!("1 validation error detected: {}", problems[0]))),
            many => Err(Fault::validation(format!("{many} validation errors detected: {}", problems.join("; ")))),
        }
    }
}

/// `EventBusName` → `eventBusName`, as in the complaints of AWS.
fn camel(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

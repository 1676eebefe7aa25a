//! What a target receives of an event: all of it, a part, a constant, or a template with parts in it. Pure.

use serde_json::Value;

/// What of an event a target receives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    Whole,
    Constant(String),
    Path(Path),
    Template { paths: Vec<(String, Path)>, template: String },
}

/// A way into an event: `$.detail.tasks[0].arn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
    /// Every element.
    All,
}

impl Path {
    /// Reads a path; `None` where it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = step(rest)?;
            steps.push(step);
            rest = after;
        }
        Some(Self(steps))
    }

    /// What it leads to; with `[*]` in it, a list.
    pub(crate) fn find(&self, event: &Value) -> Option<Value> {
        follow(&self.0, event)
    }
}

fn step(text: &str) -> Option<(Step, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        return (!name.is_empty()).then(|| (Step::Member(name.to_owned()), after));
    }
    let (inside, after) = text.strip_prefix('[')?.split_once(']')?;
    let quoted = |quote: char| inside.strip_prefix(quote)?.strip_suffix(quote);
    let step = match quoted('\'').or_else(|| quoted('"')) {
        Some(name) => Step::Member(name.to_owned()),
        None if inside == "*" => Step::All,
        None => Step::Element(inside.parse().ok()?),
    };
    Some((step, after))
}

fn follow(steps: &[Step], value: &Value) -> Option<Value> {
    match steps {
        [] => Some(value.clone()),
        [Step::Member(name), rest @ ..] => follow(rest, value.get(name)?),
        [Step::Element(index), rest @ ..] => follow(rest, value.get(index)?),
        [Step::All, rest @ ..] => {
            let elements = value.as_array()?;
            Some(elements.iter().filter_map(|element| follow(rest, element)).collect())
        }
    }
}

/// What EventBridge's own variables stand for.
#[derive(Clone, Debug)]
pub(crate) struct Reserved<'a> {
    pub(crate) rule_arn: &'a str,
    pub(crate) rule_name: &'a str,
    /// When the event came, as text.
    pub(crate) ingestion_time: &'a str,
}

impl Reserved<'_> {
    fn value(&self, name: &str, event: &Value) -> Option<Value> {
        Some(match name {
            "aws.events.rule-arn" => self.rule_arn.into(),
            "aws.events.rule-name" => self.rule_name.into(),
            "aws.events.event.ingestion-time" => self.ingestion_time.into(),
            "aws.events.event.json" => event.clone(),
            "aws.events.event" => {
                let mut event = event.clone();
                if let Some(members) = event.as_object_mut() {
                    members.shift_remove("detail");
                }
                event
            }
            _ => return None,
        })
    }
}

impl Input {
    /// What the target receives, as text.
    ///
    /// # Errors
    /// The path leads nowhere.
    pub(crate) fn of(&self, event: &Value, reserved: &Reserved<'_>) -> Result<String, String> {
        match self {
            Self::Whole => Ok(event.to_string()),
            Self::Constant(text) => Ok(text.clone()),
            Self::Path(path) => path
                .find(event)
                .map(|value| value.to_string())
                .ok_or_else(|| "InputPath: it leads to nothing in the event".to_owned()),
            Self::Template { paths, template } => {
                let value = |name: &str| match paths.iter().find(|(own, _)| own == name) {
                    Some((_, path)) => Some(path.find(event)),
                    None => reserved.value(name, event).map(Some),
                };
                Ok(fill(template, &value))
            }
        }
    }
}

/// `template` with every `<name>` that `value` knows replaced. Inside a string a text goes in as it is and anything else as
/// its JSON, escaped; elsewhere everything goes in as JSON. What leads nowhere is empty.
pub(crate) fn fill(template: &str, value: &dyn Fn(&str) -> Option<Option<Value>>) -> String {
    let mut filled = String::with_capacity(template.len());
    let (mut in_string, mut rest) = (false, template);
    while let Some(character) = rest.chars().next() {
        match character {
            '"' => in_string = !in_string,
            // A character after a backslash is itself.
            '\\' if rest.len() > 1 => {
                let length = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                filled.push_str(&rest[..length]);
                rest = &rest[length..];
                continue;
            }
            '<' => {
                let name = rest[1..].split_once('>').map(|(name, _)| name);
                if let Some((name, found)) = name.and_then(|name| Some((name, value(name)?))) {
                    filled.push_str(&inserted(found, in_string));
                    rest = &rest[name.len() + 2..];
                    continue;
                }
            }
            _ => {}
        }
        filled.push(character);
        rest = &rest[character.len_utf8()..];
    }
    filled
}

fn inserted(value: Option<Value>, in_string: bool) -> String {
    match (value, in_string) {
        (None, true) => String::new(),
        (None, false) => "\"\"".to_owned(),
        (Some(value), false) => value.to_string(),
        (Some(value), true) => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let quoted = Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({"id": "e", "source": "s", "detail": {"state": "run\"ning", "n": 5, "list": [{"a": 1}, {"a": 2}], "a-b": "c"}})
    }

    const RESERVED: Reserved<'_> =
        Reserved { rule_arn: "arn:rule", rule_name: "rule", ingestion_time: "2026-01-01T00:00:00Z" };

    fn template(paths: &[(&str, &str)], template: &str) -> String {
        let paths = paths.iter().map(|(name, path)| ((*name).to_owned(), Path::parse(path).unwrap())).collect();
        Input::Template { paths, template: template.to_owned() }.of(&event(), &RESERVED).unwrap()
    }

    #[test]
    fn paths_lead_into_the_event() {
        for (path, wanted) in [
            ("$.detail.n", "5"),
            ("$.detail['a-b']", "\"c\""),
            ("$.detail.a-b", "\"c\""),
            ("$.detail.list[1].a", "2"),
            ("$.detail.list[*].a", "[1,2]"),
        ] {
            let found = Input::Path(Path::parse(path).unwrap()).of(&event(), &RESERVED);
            assert_eq!(found.as_deref(), Ok(wanted), "{path}");
        }
        assert!(Input::Path(Path::parse("$.gone").unwrap()).of(&event(), &RESERVED).is_err());
        for path in ["detail", "$.", "$[", "$[x]", "$a"] {
            assert_eq!(Path::parse(path), None, "{path}");
        }
    }

    #[test]
    fn templates_are_filled_by_where_the_variable_stands() {
        let paths = [("s", "$.detail.state"), ("n", "$.detail.n"), ("l", "$.detail.list"), ("gone", "$.detail.gone")];
        for (text, wanted) in [
            (r#"{"a":<s>,"b":<n>}"#, r#"{"a":"run\"ning","b":5}"#),
            (r#"{"a":"is <s>, <n>, <l>"}"#, r#"{"a":"is run\"ning, 5, [{\"a\":1},{\"a\":2}]"}"#),
            (r#"{"a":<gone>,"b":"x<gone>y"}"#, r#"{"a":"","b":"xy"}"#),
            (r#"{"a":"\"<s>\"","b":"<unknown> < 1"}"#, r#"{"a":"\"run\"ning\"","b":"<unknown> < 1"}"#),
            (
                r#"{"r":<aws.events.rule-name>,"t":"<aws.events.event.ingestion-time>"}"#,
                r#"{"r":"rule","t":"2026-01-01T00:00:00Z"}"#,
            ),
            (r#"<aws.events.event>"#, r#"{"id":"e","source":"s"}"#),
        ] {
            let filled = template(&paths, text);
            assert_eq!(filled, wanted, "{text}");
        }
        let whole: Value = serde_json::from_str(&template(&[], "<aws.events.event.json>")).unwrap();
        assert_eq!(whole, event());
    }
}

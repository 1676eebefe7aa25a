//! The context object that a test is given.

use asl::Value;

/// What a member of the context object may be.
enum Shape {
    Text,
    Number,
    Anything,
    Object(&'static [(&'static str, Shape)]),
}

use Shape::{Anything, Number, Text};

const CONTEXT: &[(&str, Shape)] = &[
    (
        "Execution",
        Shape::Object(&[
            ("Id", Text),
            ("Input", Anything),
            ("Name", Text),
            ("RoleArn", Text),
            ("StartTime", Text),
            ("RedriveCount", Number),
            ("RedriveTime", Text),
        ]),
    ),
    ("State", Shape::Object(&[("EnteredTime", Text), ("Name", Text), ("RetryCount", Number)])),
    ("StateMachine", Shape::Object(&[("Id", Text), ("Name", Text)])),
    ("Task", Shape::Object(&[("Token", Text)])),
    (
        "Map",
        Shape::Object(&[(
            "Item",
            Shape::Object(&[("Index", Number), ("Value", Anything), ("Key", Text), ("Source", Text)]),
        )]),
    ),
];

/// What is wrong with a context object, in AWS's words; `token`: whether the state has a task token.
pub(super) fn problem(context: &Value, token: bool) -> Option<String> {
    if context.as_object().is_none() {
        return Some("Context must be a JSON object".to_owned());
    }
    let wrong = wrong_member(context, CONTEXT, "");
    wrong.or_else(|| {
        let surplus = context.get("Task").is_some() && !token;
        surplus.then(|| {
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' \
             service integration pattern"
                .to_owned()
        })
    })
}

fn wrong_member(object: &Value, shapes: &[(&str, Shape)], place: &str) -> Option<String> {
    object.as_object()?.iter().find_map(|(name, value)| {
        let Some((_, shape)) = shapes.iter().find(|(known, _)| *known == &**name) else {
            return Some(format!("Field '{name}' is not allowed"));
        };
        let place = format!("{place}{name}");
        match (shape, value) {
            (Text, Value::String(_)) | (Number, Value::Number(_)) | (Anything, _) => None,
            (Shape::Object(members), Value::Object(_)) => wrong_member(value, members, &format!("{place}.")),
            (Text, _) => Some(format!("{place} must be a string")),
            (Number, _) => Some(format!("{place} must be a number")),
            (Shape::Object(_), _) => Some(format!("{place} must be an object")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_context_object_never_has_is_named() {
        let found = |text: &str, token| problem(&Value::parse(text).unwrap(), token);
        assert_eq!(found(r#"{"Pokedex":{}}"#, false).unwrap(), "Field 'Pokedex' is not allowed");
        assert_eq!(found(r#"{"Execution":{"Id":1}}"#, false).unwrap(), "Execution.Id must be a string");
        assert_eq!(found(r#"{"Map":{"Item":{"Index":"1"}}}"#, false).unwrap(), "Map.Item.Index must be a number");
        assert_eq!(found(r#"{"State":1}"#, false).unwrap(), "State must be an object");
        assert!(found(r#"{"Task":{"Token":"t"}}"#, false).unwrap().starts_with("Context object contains 'Task' when"));
        assert_eq!(found(r#"{"Task":{"Token":"t"},"Execution":{"Input":[1]}}"#, true), None);
        assert!(found("[]", true).is_some());
    }
}

//! Properties that hold for any text: parsing never panics, formatting changes white space only.

use proptest::prelude::*;
use serde_json::{Map, Value};

/// Words that mean something in a definition, so that random JSON gets past the first check.
const WORDS: [&str; 48] = [
    "StartAt",
    "States",
    "Type",
    "Task",
    "Pass",
    "Choice",
    "Wait",
    "Succeed",
    "Fail",
    "Parallel",
    "Map",
    "Next",
    "End",
    "Branches",
    "ItemProcessor",
    "Iterator",
    "ProcessorConfig",
    "Choices",
    "Default",
    "Condition",
    "Variable",
    "And",
    "Not",
    "IsNull",
    "StringEqualsPath",
    "Retry",
    "Catch",
    "ErrorEquals",
    "States.ALL",
    "ResultPath",
    "Parameters",
    "Assign",
    "Output",
    "Arguments",
    "QueryLanguage",
    "JSONata",
    "JSONPath",
    "Seconds",
    "TimestampPath",
    "Timestamp",
    "TimeoutSeconds",
    "HeartbeatSeconds",
    "Resource",
    "Label",
    "a.$",
    "$.a",
    "{% $a %}",
    "A",
];

fn json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![4 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Every place in a document, as the keys that lead there.
fn places(value: &Value, path: &mut Vec<String>, found: &mut Vec<String>) {
    found.push(path.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect());
    let children: Vec<(String, &Value)> = match value {
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        Value::Object(members) => members.iter().map(|(key, member)| (key.clone(), member)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        path.push(key);
        places(child, path, found);
        path.pop();
    }
}

const GOOD: [&str; 2] = [include_str!("cases/good_jsonpath.json"), include_str!("cases/good_jsonata.json")];

fn never_both(text: &str) {
    let parsed = asl::parse(text);
    assert_eq!(parsed.definition.is_none(), parsed.errors().next().is_some());
    if let Some(definition) = &parsed.definition {
        assert!(!asl::coverage_points(definition).is_empty());
        assert!(!definition.graph().is_empty());
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_definition_or_an_error(text in any::<String>()) {
        never_both(&text);
    }

    #[test]
    fn any_json_gives_a_definition_or_an_error(value in json()) {
        never_both(&value.to_string());
    }

    #[test]
    fn a_good_definition_with_one_value_replaced_gives_a_definition_or_an_error(
        which in 0..GOOD.len(), place in any::<prop::sample::Index>(), replacement in json(),
    ) {
        let mut value: Value = serde_json::from_str(GOOD[which]).unwrap();
        let mut found = Vec::new();
        places(&value, &mut Vec::new(), &mut found);
        *value.pointer_mut(place.get::<String>(&found)).unwrap() = replacement;
        never_both(&value.to_string());
    }

    #[test]
    fn formatting_twice_is_formatting_once_and_changes_no_value(value in json()) {
        let once = asl::format(&value.to_string()).unwrap();
        prop_assert_eq!(&asl::format(&once).unwrap(), &once);
        prop_assert_eq!(serde_json::from_str::<Value>(&once).unwrap(), value.clone());
        let pretty = asl::format(&serde_json::to_string_pretty(&value).unwrap()).unwrap();
        prop_assert_eq!(pretty, once);
    }
}

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn matches(pattern: &str, event: &Value) -> bool {
    Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).matches(event)
}

fn event() -> Value {
    json!({
        "source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "account": "123456789012",
        "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-1", "other"],
        "detail": {"state": "Running", "count": 5, "limit": 301.8, "ip": "10.0.0.33", "ip6": "2001:db8::1", "none": null,
            "empty": "", "no": [], "yes": true, "file": "dir/a*b.png", "tags": [{"k": "a", "v": 1}, {"k": "b", "v": 2}],
            "nested": [[1, 2], [3]], "big": 12_345_678_901_234_567_890_u64}
    })
}

#[test]
fn every_operator_matches_what_it_says() {
    for (field, entry, wanted) in [
        ("state", r#""Running""#, true),
        ("state", r#""running""#, false),
        ("state", r#"{"prefix":"Run"}"#, true),
        ("state", r#"{"prefix":"run"}"#, false),
        ("state", r#"{"prefix":{"equals-ignore-case":"rUN"}}"#, true),
        ("state", r#"{"suffix":"ing"}"#, true),
        ("state", r#"{"suffix":{"equals-ignore-case":"ING"}}"#, true),
        ("state", r#"{"equals-ignore-case":"RUNNING"}"#, true),
        ("state", r#"{"anything-but":"Running"}"#, false),
        ("state", r#"{"anything-but":["stopped","x"]}"#, true),
        ("state", r#"{"anything-but":{"prefix":"Run"}}"#, false),
        ("state", r#"{"anything-but":{"prefix":["a","Run"]}}"#, false),
        ("state", r#"{"anything-but":{"suffix":"x"}}"#, true),
        ("state", r#"{"anything-but":{"equals-ignore-case":["a","running"]}}"#, false),
        ("state", r#"{"anything-but":{"wildcard":"R*g"}}"#, false),
        ("state", r#"{"anything-but":{"wildcard":["a*","*b"]}}"#, true),
        ("state", r#"{"wildcard":"R*n*g"}"#, true),
        ("state", r#"{"wildcard":"*"}"#, true),
        ("state", r#"{"wildcard":"R*gg"}"#, false),
        ("file", r#"{"wildcard":"dir/*\\*b.png"}"#, true),
        ("file", r#"{"wildcard":"dir/a\\*b.png"}"#, true),
        ("count", "5", true),
        ("count", "5.0", true),
        ("count", r#""5""#, false),
        ("count", r#"{"numeric":["=",5]}"#, true),
        ("count", r#"{"numeric":[">",0,"<=",5]}"#, true),
        ("count", r#"{"numeric":[">=",0,"<",5]}"#, false),
        ("count", r#"{"numeric":["<",5]}"#, false),
        ("count", r#"{"anything-but":5}"#, false),
        ("count", r#"{"anything-but":[1,2]}"#, true),
        ("count", r#"{"anything-but":"5"}"#, true),
        ("limit", r#"{"numeric":["=",3.018e2]}"#, true),
        ("state", r#"{"numeric":["<",5]}"#, false),
        ("ip", r#"{"cidr":"10.0.0.0/24"}"#, true),
        ("ip", r#"{"cidr":"10.0.1.0/24"}"#, false),
        ("ip", r#"{"cidr":"0.0.0.0/0"}"#, true),
        ("ip6", r#"{"cidr":"2001:db8::/32"}"#, true),
        ("ip6", r#"{"cidr":"0.0.0.0/0"}"#, false),
        ("ip6", r#""2001:0db8:0::1""#, true),
        ("none", "null", true),
        ("none", r#"{"exists":true}"#, true),
        ("empty", r#""""#, true),
        ("no", r#"{"exists":true}"#, false),
        ("no", r#"{"exists":false}"#, true),
        ("missing", r#"{"exists":false}"#, true),
        ("missing", r#"{"anything-but":"x"}"#, false),
        ("state", r#"{"exists":false}"#, false),
        ("tags", r#"{"exists":false}"#, true),
        ("yes", "true", true),
        ("yes", "false", false),
        ("nested", "3", true),
        ("nested", "4", false),
        ("big", "12345678901234567890", true),
        ("big", "12345678901234567891", false),
        ("state", r#""x", {"prefix":"R"}"#, true),
    ] {
        let pattern = format!(r#"{{"detail":{{"{field}":[{entry}]}}}}"#);
        assert_eq!(matches(&pattern, &event()), wanted, "{pattern}");
    }
}

#[test]
fn fields_are_joined_by_and_and_choices_by_or() {
    for (pattern, wanted) in [
        (r#"{"source":["aws.ec2"],"account":["123456789012"]}"#, true),
        (r#"{"source":["aws.ec2"],"account":["1"]}"#, false),
        (r#"{"resources":[{"suffix":"i-1"}]}"#, true),
        (r#"{"resources":["other"]}"#, true),
        (r#"{"$or":[{"source":["x"]},{"detail":{"count":[5]}}]}"#, true),
        (r#"{"source":["x"],"$or":[{"source":["aws.ec2"]},{"account":["1"]}]}"#, false),
        (r#"{"detail":{"$or":[{"state":["x"]},{"count":[5],"$or":[{"yes":[true]},{"yes":[false]}]}]}}"#, true),
        // Not the relationship: members called `$or`.
        (r#"{"$or":[{"prefix":"a"},{"prefix":"b"}]}"#, false),
        (r#"{"$or":{"a":[1]}}"#, false),
        // One element for both fields.
        (r#"{"detail":{"tags":{"k":["a"],"v":[1]}}}"#, true),
        (r#"{"detail":{"tags":{"k":["a"],"v":[2]}}}"#, false),
        (r#"{"detail":{"tags":{"k":["b"],"x":[{"exists":false}]}}}"#, true),
        (r#"{"detail":{"tags":{"v":[{"exists":false}]}}}"#, false),
        (r#"{"detail":{"gone":{"x":[{"exists":false}]}}}"#, true),
        (r#"{"detail":{"state":{"x":["y"]}}}"#, false),
        (r#"{"detail":{"tags":["a"]}}"#, false),
    ] {
        assert_eq!(matches(pattern, &event()), wanted, "{pattern}");
    }
    assert!(matches(r#"{"a":{"b":["x"]}}"#, &json!({"a": [{"b": "y"}, {"b": ["z", "x"]}]})));
}

#[test]
fn what_is_no_pattern_is_refused_in_eventbridges_words() {
    for (pattern, reason) in [
        ("[]", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        (r#"{"a":{}}"#, "Empty objects are not allowed"),
        (r#"{"a":[]}"#, "Empty arrays are not allowed"),
        (r#"{"a":"b"}"#, "\"a\" must be an object or an array"),
        (r#"{"a":[[1]]}"#, "Match value must be String, number, true, false, or null"),
        (r#"{"a":[{"like":"b"}]}"#, "Unrecognized match type like"),
        (r#"{"a":[{}]}"#, "Match expression name not found"),
        (r#"{"a":[{"prefix":1}]}"#, "prefix match pattern must be a string"),
        (r#"{"a":[{"prefix":"a","suffix":"b"}]}"#, "Only one key allowed in match expression"),
        (r#"{"a":[{"numeric":5}]}"#, "Value of numeric must be an array."),
        (r#"{"a":[{"numeric":["~",5]}]}"#, "Unrecognized numeric range operator: ~"),
        (r#"{"a":[{"numeric":[">","5"]}]}"#, "Value of > must be numeric"),
        (r#"{"a":[{"numeric":[">",5,">",6]}]}"#, "Bad numeric range operator: >"),
        (r#"{"a":[{"numeric":[">",5,"<",4]}]}"#, "Bottom must be less than top"),
        (r#"{"a":[{"numeric":["=",5,"<",6]}]}"#, "Too many elements in numeric expression"),
        (r#"{"a":[{"exists":"yes"}]}"#, "exists match pattern must be either true or false."),
        (r#"{"a":[{"cidr":"10.0.0.0"}]}"#, "Malformed CIDR, one '/' required"),
        (r#"{"a":[{"cidr":"10.0.0.0/33"}]}"#, "Malformed CIDR, mask bits out of range"),
        (r#"{"a":[{"wildcard":"a**b"}]}"#, "Consecutive wildcard characters at pos 1"),
        (r#"{"a":[{"wildcard":"a\\b"}]}"#, "Invalid escape character at pos 1"),
        (
            r#"{"a":[{"anything-but":["a",1]}]}"#,
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        (r#"{"a":[{"anything-but":true}]}"#, "Value of anything-but must be an array or single string/number value."),
        (r#"{"a":[{"anything-but":{"prefix":""}}]}"#, "Null prefix/suffix not allowed"),
        (r#"{"a":[{"anything-but":{"cidr":"x"}}]}"#, "Unsupported anything-but pattern: cidr"),
    ] {
        let refused = Pattern::parse(pattern).unwrap_err().to_string();
        assert_eq!(refused, format!("Event pattern is not valid. Reason: {reason}"), "{pattern}");
    }
    assert!(Pattern::parse("{\"a\":").unwrap_err().to_string().contains("not JSON"));
}

#[test]
fn a_source_that_cannot_match_is_known() {
    let could = |pattern: &str| Pattern::parse(pattern).unwrap().could_match_source("aws.states");
    assert!(could(r#"{"source":["aws.states"]}"#) && could(r#"{"detail":{"a":[1]}}"#));
    assert!(!could(r#"{"source":["aws.ecs"]}"#));
    assert!(!could(r#"{"$or":[{"source":["a"]},{"source":[{"prefix":"b"}]}]}"#));
    assert!(could(r#"{"source":[{"prefix":"aws."}]}"#));
}

/// A star that may stand for anything, tried out one character after the other.
fn naive_wildcard(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|skipped| naive_wildcard(rest, &text[skipped..])),
        [first, rest @ ..] => text.first() == Some(first) && naive_wildcard(rest, &text[1..]),
    }
}

/// Every way to take one element of every array, as an event without arrays.
fn choices(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(elements) if elements.is_empty() => vec![json!({})],
        Value::Array(elements) => elements.iter().flat_map(choices).collect(),
        Value::Object(members) => members.iter().fold(vec![json!({})], |all, (name, value)| {
            let own = choices(value);
            let with = |base: &Value, choice: &Value| {
                let mut base = base.clone();
                base[name] = choice.clone();
                base
            };
            all.iter().flat_map(|base| own.iter().map(move |choice| with(base, choice))).collect()
        }),
        value => vec![value.clone()],
    }
}

/// What a pattern of exact values means, said as simply as can be: some choice of elements has all of it.
fn naive(pattern: &Value, event: &Value) -> bool {
    choices(event).iter().any(|event| naive_one(pattern, event))
}

fn naive_one(pattern: &Value, event: &Value) -> bool {
    pattern.as_object().unwrap().iter().all(|(name, wanted)| match wanted {
        Value::Object(_) => naive_one(wanted, &event[name]),
        wanted => wanted.as_array().unwrap().contains(&event[name]) && !event[name].is_null(),
    })
}

fn event_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![(0..3_i64).prop_map(Value::from), "[ab]".prop_map(Value::from)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[xy]", inner, 0..3).prop_map(|members| json!(members)),
        ]
    })
}

fn patterns() -> impl Strategy<Value = Value> {
    let leaf =
        proptest::collection::vec(prop_oneof![(0..3_i64).prop_map(Value::from), "[ab]".prop_map(Value::from)], 1..3);
    leaf.prop_map(Value::from).prop_recursive(3, 8, 2, |inner| {
        proptest::collection::btree_map("[xy]", inner, 1..3).prop_map(|members| json!(members))
    })
}

proptest! {
    #[test]
    fn wildcards_mean_what_trying_everything_out_means(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
        prop_assume!(!pattern.contains("**"));
        let wanted = naive_wildcard(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
        let pattern = json!({"a": [{"wildcard": pattern}]}).to_string();
        prop_assert_eq!(matches(&pattern, &json!({"a": text})), wanted);
    }

    #[test]
    fn arrays_match_where_one_choice_of_elements_has_everything(pattern in patterns(), event in event_values()) {
        prop_assume!(pattern.is_object());
        let event = json!({"x": event});
        prop_assert_eq!(matches(&pattern.to_string(), &event), naive(&pattern, &event));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[\\]{}\":,a*\\\\$0-9]{0,40}") {
        let _ = Pattern::parse(&text);
    }
}

#[test]
fn a_hostile_wildcard_takes_no_longer_than_its_size() {
    let stars = "a*".repeat(2000);
    let pattern = json!({"a": [{"wildcard": format!("{stars}b")}]}).to_string();
    assert!(!matches(&pattern, &json!({"a": "a".repeat(250_000)})));
}

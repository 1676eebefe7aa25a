use asl::{Object, Value};
use proptest::prelude::*;

use super::*;
use crate::payload_template;

fn call(text: &str, input: &str) -> Result<Value, Failure> {
    let (input, context) = (Value::parse(input).unwrap(), Value::parse(r#"{"Execution":{"Name":"run-1"}}"#).unwrap());
    let variables: Object = [("var".into(), Value::from(7_i64))].into();
    let scope = Scope::of(&input, &context, &variables, 9);
    evaluate("field.$", text, &scope, &mut Random::new(9, "field.$"))
}

fn given(text: &str, input: &str) -> String {
    call(text, input).map_or_else(|failure| failure.to_string(), |value| value.to_string())
}

#[test]
fn functions_give_what_aws_recorded_and_documents() {
    let table = [
        ("States.Array()", "[]"),
        ("States.Array('a', 1, 1.5, null, true, $.list)", r#"["a",1,1.5,null,true,[1,2,3,3]]"#),
        ("States.ArrayPartition($.list, 3)", "[[1,2,3],[3]]"),
        ("States.ArrayContains($.list, 3)", "true"),
        ("States.ArrayContains($.list, 3.0)", "false"),
        ("States.ArrayRange(1, 9, 2)", "[1,3,5,7,9]"),
        ("States.ArrayRange(5, 1, -2)", "[5,3,1]"),
        ("States.ArrayGetItem($.list, 1)", "2"),
        ("States.ArrayLength($.list)", "4"),
        ("States.ArrayUnique($.list)", "[1,2,3]"),
        ("States.Base64Encode('Data to encode')", r#""RGF0YSB0byBlbmNvZGU=""#),
        ("States.Base64Decode('RGVjb2RlZCBkYXRh')", r#""Decoded data""#),
        ("States.Hash('input data', 'SHA-1')", r#""aaff4a450a104cd177d28d18d74485e8cae074b7""#),
        ("States.Hash('', 'MD5')", r#""d41d8cd98f00b204e9800998ecf8427e""#),
        ("States.JsonMerge($.one, $.two, false)", r#"{"a":{"a2":1},"b":2,"c":3}"#),
        (r#"States.StringToJson('{"a":"b"}')"#, r#"{"a":"b"}"#),
        ("States.StringToJson(' ')", "null"),
        ("States.StringToJson('-0')", "0"),
        ("States.StringToJson('1.10')", "1.1"),
        ("States.JsonToString($.one)", r#""{\"a\":{\"a1\":1},\"b\":2}""#),
        ("States.MathAdd(111, -1)", "110"),
        ("States.MathAdd(1.5, $var)", "9"),
        ("States.StringSplit('1,2,3', ',')", r#"["1","2","3"]"#),
        ("States.StringSplit('This.is+a,test=string', '.+,=')", r#"["This","is","a","test","string"]"#),
        ("States.StringSplit('Hello\nWorld', '\n')", r#"["Hello","World"]"#),
        ("States.StringSplit(',,,', ',')", "[]"),
        ("States.Format('x={} y={} z={}', 1.1, null, 'q')", r#""x=1.1 y=null z=q""#),
        ("States.Format('{}', $.one)", r#""{a={a1=1}, b=2}""#),
        (r"States.Format('\{{}\} it\'s \\', $$.Execution.Name)", r#""{run-1} it's \\""#),
        ("States.Format('{{}}', 1)", r#""{1}""#),
        ("States.Format($.template, 1)", r#""n=1""#),
        (
            "States.ArrayGetItem(States.StringSplit('a-b-c', '-'), States.MathAdd(States.ArrayLength($.list), -2))",
            r#""c""#,
        ),
        (" States.ArrayLength( $.list[?(@ == 3)] ) ", "2"),
        ("States.Array($.odd['a,b)'], $.list[(0)])", "refused"),
        ("States.Array($.odd['a,b)'])", "[5]"),
    ];
    let input = r#"{"list":[1,2,3,3],"one":{"a":{"a1":1},"b":2},"two":{"a":{"a2":1},"c":3},"template":"n={}","odd":{"a,b)":5}}"#;
    for (text, expected) in table {
        let given = given(text, input);
        if expected == "refused" {
            assert!(given.starts_with("States.Runtime: The value for the field 'field.$' must be"), "{given}");
        } else {
            assert_eq!(given, expected, "{text}");
        }
    }
}

#[test]
fn every_function_fails_by_name_on_bad_arguments() {
    for text in [
        "States.ArrayPartition($, 0)",
        "States.ArrayPartition('x', 1)",
        "States.ArrayContains(1, 1)",
        "States.ArrayRange(1, 5, 0)",
        "States.ArrayRange(1, 1001, 1)",
        "States.ArrayGetItem($, 1)",
        "States.ArrayGetItem($, -1)",
        "States.ArrayLength('x')",
        "States.ArrayUnique(1)",
        "States.Base64Encode(1)",
        "States.Base64Decode('%')",
        "States.Hash('x', 'CRC32')",
        "States.Hash(1, 'MD5')",
        "States.JsonMerge($, $, false)",
        "States.StringToJson('{')",
        "States.MathAdd('a', 1)",
        "States.MathAdd(9223372036854775807, 1)",
        "States.MathRandom(2, 2)",
        "States.StringSplit(1, ',')",
        "States.Format('{} {}', 1)",
        "States.Format('{}', 1, 2)",
        "States.Format(1)",
    ] {
        let failure = call(text, "[7]").unwrap_err();
        assert_eq!(failure.error, "States.IntrinsicFailure", "{text}");
        assert!(failure.cause.starts_with(&format!("The function '{text}' had the following error: ")), "{failure}");
    }
    let long = format!("States.Hash('{}', 'MD5')", "x".repeat(10_001));
    assert_eq!(call(&long, "{}").unwrap_err().error, "States.IntrinsicFailure");
}

#[test]
fn texts_that_are_no_calls_are_refused() {
    for text in [
        "",
        "x",
        "States",
        "States.",
        "States.Nope()",
        "States.UUID(1)",
        "States.UUID(",
        "States.UUID() x",
        "States.Array('a)",
        "States.Array(\"a\")",
        "States.Array(a)",
        r"States.Array('\n')",
        r#"States.StringToJson('{\"a\": 1}')"#,
        "States.Array($.)",
        "States.Array(1 2)",
        "States.Array(,)",
        "States.Hash('x')",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    let deep = "States.Array(".repeat(20) + &")".repeat(20);
    assert!(parse(&deep).is_err());
}

#[test]
fn draws_follow_the_seed() {
    assert_eq!(given("States.UUID()", "{}"), given("States.UUID()", "{}"));
    let twice = call("States.Array(States.UUID(), States.UUID())", "{}").unwrap();
    assert_ne!(twice.as_array().unwrap()[0], twice.as_array().unwrap()[1]);
    for _ in 0..50 {
        let drawn = call("States.MathRandom(-3, 3)", "{}").unwrap().as_i64().unwrap();
        assert!((-3..3).contains(&drawn));
    }
    // java.util.Random(42).nextInt(10) is 0.
    assert_eq!(given("States.MathRandom(5, 15, 42)", "{}"), "5");
}

#[test]
fn templates_replace_members_and_nothing_else() {
    let input = Value::parse(r#"{"a":1,"items":[1,2]}"#).unwrap();
    let template = Value::parse(
        r#"{"x.$":"$.a","path":"$.a","in":[{"y.$":"States.ArrayLength($.items)"},"$.a"],"z":{"w":null},"c.$":"$$","v.$":"$var"}"#,
    )
    .unwrap();
    let variables: Object = [("var".into(), Value::from(true))].into();
    let scope = Scope::of(&input, &Value::Null, &variables, 0);
    let expected = r#"{"x":1,"path":"$.a","in":[{"y":2},"$.a"],"z":{"w":null},"c":null,"v":true}"#;
    assert_eq!(payload_template(&template, &scope).unwrap().to_string(), expected);
    let literal = Value::parse(r#"{"a":[1,{"b":2}]}"#).unwrap();
    assert_eq!(payload_template(&literal, &scope).unwrap(), literal);
    for bad in [r#"{"a.$":1}"#, r#"{"a.$":"b"}"#, r#"{"a.$":"$.none"}"#] {
        assert_eq!(payload_template(&Value::parse(bad).unwrap(), &scope).unwrap_err().error, "States.Runtime", "{bad}");
    }
}

proptest! {
    #[test]
    fn no_call_panics(text in "States\\.(Format|Array|StringSplit|MathAdd|Hash|JsonMerge|ArrayRange)\\([$.a'\\\\{}0-9,() -]{0,20}\\)?") {
        let _ = call(&text, r#"{"a":[1]}"#);
    }

    #[test]
    fn base64_and_json_come_back(text in "[^'\\\\{}]{0,40}") {
        let encoded = format!("States.Base64Decode(States.Base64Encode('{text}'))");
        prop_assert_eq!(call(&encoded, "{}").unwrap(), Value::from(text.as_str()));
        let written = format!("States.StringToJson(States.JsonToString('{text}'))");
        prop_assert_eq!(call(&written, "{}").unwrap(), Value::from(text.as_str()));
    }
}

use asl::Object;
use proptest::prelude::*;

use super::*;

fn ask(variable: &str, operator: Operator, operand: Operand, input: &str) -> Result<bool, Failure> {
    let (input, variables) = (Value::parse(input).unwrap(), Object::new());
    let scope = Scope::of(&input, &Value::Null, &variables, 0);
    condition(&Condition::Compare { variable: variable.into(), operator, operand }, &scope)
}

fn literal(text: &str) -> Operand {
    Operand::Literal(Value::parse(text).unwrap())
}

#[test]
fn comparisons_hold_between_values_of_their_type_only() {
    use Operator as O;
    let table = [
        (O::StringEquals, r#""a""#, r#""a""#, true),
        (O::StringEquals, "1", r#""1""#, false),
        (O::StringLessThan, r#""A""#, r#""AB""#, true),
        (O::StringLessThan, r#""""#, r#""""#, false),
        (O::StringGreaterThanEquals, r#""AB""#, r#""A""#, true),
        (O::NumericEquals, "0", "0.0", true),
        (O::NumericEquals, "false", "0", false),
        (O::NumericEquals, r#""0""#, "0", false),
        (O::NumericLessThan, "-1.5", "1", true),
        (O::NumericGreaterThan, "9007199254740993", "9007199254740992", true),
        (O::BooleanEquals, "true", "true", true),
        (O::BooleanEquals, "null", "false", false),
        (O::TimestampEquals, r#""2012-10-09T19:00:55Z""#, r#""2012-10-09T21:00:55+02:00""#, true),
        (O::TimestampLessThan, r#""2012-10-09T19:00:55.1Z""#, r#""2012-10-09T19:00:55.25Z""#, true),
        (O::TimestampEquals, r#""2023-02-24 12:15:56""#, r#""2023-02-24 12:15:56""#, false),
        (O::StringMatches, r#""log-2024.txt""#, r#""log-*.txt""#, true),
        (O::StringMatches, r#""log-2024.txt""#, r#""log-?024.txt""#, false),
        (O::StringMatches, r#""a*b""#, r#""a\\*b""#, true),
        (O::StringMatches, r#""axb""#, r#""a\\*b""#, false),
        (O::StringMatches, r#""aab""#, r#""*ab""#, true),
        (O::StringMatches, "5", r#""*""#, false),
        (O::IsNull, "null", "true", true),
        (O::IsNull, "0", "false", true),
        (O::IsNumeric, "false", "true", false),
        (O::IsNumeric, "1.1", "true", true),
        (O::IsString, r#""""#, "true", true),
        (O::IsBoolean, "[]", "false", true),
        (O::IsTimestamp, r#""2012-10-09T19:00:55+01:00""#, "true", true),
        (O::IsTimestamp, r#""2012-10-09T19:00:55""#, "false", true),
        (O::IsTimestamp, r#""2012-10-09t19:00:55z""#, "true", false),
        (O::IsPresent, "null", "true", true),
    ];
    for (operator, left, right, expected) in table {
        let input = format!(r#"{{"v":{left},"w":{right}}}"#);
        assert_eq!(ask("$.v", operator, literal(right), &input), Ok(expected), "{left} {operator:?} {right}");
        let by_path = ask("$.v", operator, Operand::Path("$.w".into()), &input);
        assert_eq!(by_path, Ok(expected), "{left} {operator:?}Path {right}");
    }
}

#[test]
fn a_missing_variable_fails_all_but_is_present() {
    let failure = ask("$.foo", Operator::NumericEquals, literal("1"), "{}").unwrap_err();
    assert_eq!(failure.error, "States.Runtime");
    assert_eq!(failure.cause, "Invalid path '$.foo': The choice state's condition path references an invalid value.");
    assert!(ask("$.foo", Operator::IsNull, literal("true"), "{}").is_err());
    assert!(ask("$.v", Operator::NumericEquals, Operand::Path("$.none".into()), r#"{"v":1}"#).is_err());
    assert_eq!(ask("$.foo", Operator::IsPresent, literal("false"), "{}"), Ok(true));
    assert_eq!(ask("$.foo", Operator::IsPresent, literal("true"), "{}"), Ok(false));
}

#[test]
fn and_or_and_not_stop_as_soon_as_they_know() {
    let (input, variables) = (Value::parse(r#"{"v":1}"#).unwrap(), Object::new());
    let scope = Scope::of(&input, &Value::Null, &variables, 0);
    let test = |path: &str, number: i64| Condition::Compare {
        variable: path.into(),
        operator: Operator::NumericEquals,
        operand: Operand::Literal(number.into()),
    };
    let ask = |asked: Condition| condition(&asked, &scope);
    assert_eq!(ask(Condition::And(vec![test("$.v", 2), test("$.none", 1)])), Ok(false));
    assert_eq!(ask(Condition::Or(vec![test("$.v", 1), test("$.none", 1)])), Ok(true));
    assert!(ask(Condition::And(vec![test("$.v", 1), test("$.none", 1)])).is_err());
    assert_eq!(ask(Condition::Not(Box::new(test("$.v", 2)))), Ok(true));
}

#[test]
fn a_jsonata_condition_must_be_a_boolean() {
    let (input, variables) = (Value::parse(r#"{"v":1}"#).unwrap(), Object::new());
    let scope = Scope::of(&input, &Value::Null, &variables, 0);
    let ask = |text: &str| condition_for("Choices[1]/Condition", &Condition::Expression(text.into()), &scope);
    assert_eq!(ask("{% $states.input.v = 1 %}"), Ok(true));
    assert_eq!(condition(&Condition::Expression(true.into()), &scope), Ok(true));
    let failure = ask("{% $states.input.v %}").unwrap_err();
    assert_eq!(failure.location.as_deref(), Some("Choices[1]/Condition"));
    assert_eq!(
        failure.cause,
        "The JSONata expression '$states.input.v' specified for the field 'Choices[1]/Condition' returned an unexpected \
         result type. Expected 'boolean', but was 'number' for value: 1"
    );
}

proptest! {
    #[test]
    fn a_text_matches_itself_escaped_and_any_part_replaced(text in "[a-c*\\\\]{0,12}", cut in 0_usize..12) {
        let escape = |text: &str| text.replace('\\', "\\\\").replace('*', "\\*");
        prop_assert!(matches(&text, &escape(&text)));
        let cut = cut.min(text.len());
        let wild = format!("{}*", escape(&text[..cut]));
        prop_assert!(matches(&text, &wild));
        let longer = format!("{}x", escape(&text));
        prop_assert!(!matches(&text, &longer));
    }
}

use super::*;

/// What `check` says of one state, as CreateStateMachine writes it.
fn said(states: &str) -> Vec<String> {
    let text = format!(r#"{{"StartAt":"S","States":{states}}}"#);
    let parsed = asl::parse(&text);
    let definition = parsed.definition.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
    check(&definition).iter().map(ToString::to_string).collect()
}

#[test]
fn jsonata_is_read_everywhere_and_located() {
    let states = r#"{"S":{"Type":"Pass","QueryLanguage":"JSONata","Output":{"v":"{% phone %}","w":["{% 1 + %}"],"x":"{% $x %}"},
            "Assign":{"a":"{% $$ %}"},"Next":"C"},
        "C":{"Type":"Choice","QueryLanguage":"JSONata","Choices":[{"Condition":"{% $x = %}","Next":"T"},
            {"Condition":true,"Output":"{% bare %}","Next":"T"}],"Default":"T"},
        "T":{"Type":"Task","QueryLanguage":"JSONata","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f",
            "Arguments":"{% $states.errorOutput %}","TimeoutSeconds":"{% bare %}",
            "Catch":[{"ErrorEquals":["States.ALL"],"Output":"{% $states.errorOutput %}","Next":"E"}],"Next":"E"},
        "E":{"Type":"Succeed"}}"#;
    let expected = [
        "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported. at /States/S/Output/v",
        "INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/S/Output/w[0]",
        "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' is not supported. at /States/S/Assign/a",
        "INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/C/Choices[0]/Condition",
        "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'bare' at the top level is not supported. at /States/C/Choices[1]/Output",
        "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$states.errorOutput' is only supported in the 'Output' and 'Assign' \
         of a 'Catch'. at /States/T/Arguments",
        "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'bare' at the top level is not supported. at /States/T/TimeoutSeconds",
    ];
    assert_eq!(said(states), expected);
}

#[test]
fn templates_of_jsonpath_are_located_at_the_object_they_stand_in() {
    let states = r#"{"S":{"Type":"Pass","Parameters":{"parsed.$":"States.StringToJson('{\\\"a\\\":1}')","ok.$":"States.UUID()",
            "in":{"deep.$":"$.a["}},"End":true}}"#;
    let expected = [
        "SCHEMA_VALIDATION_FAILED: The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic function \
         call at /States/S/Parameters",
        "SCHEMA_VALIDATION_FAILED: The value for the field 'deep.$' must be a valid JSONPath or a valid intrinsic function \
         call at /States/S/Parameters/in",
    ];
    assert_eq!(said(states), expected);
}

#[test]
fn states_inside_states_are_checked() {
    let states = r#"{"S":{"Type":"Parallel","Branches":[{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"a.$":"$.[a"},"End":true}}}],
            "Next":"M"},
        "M":{"Type":"Map","ItemProcessor":{"StartAt":"Q","States":{"Q":{"Type":"Pass","Parameters":{"a.$":"$["},"End":true}}},
            "End":true}}"#;
    let locations: Vec<String> =
        said(states).iter().filter_map(|text| text.split_once(" at ").map(|(_, at)| at.to_owned())).collect();
    assert_eq!(locations, ["/States/S/Branches[0]/States/P/Parameters", "/States/M/ItemProcessor/States/Q/Parameters"]);
}

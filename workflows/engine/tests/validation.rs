//! One validator for CreateStateMachine, UpdateStateMachine, ValidateStateMachineDefinition and `stepwright validate`:
//! what it accepts, what it refuses and with which words.

use std::path::{Path, PathBuf};

use asl::Diagnostic;
use engine::Engine;

/// A folder of `../shared` beside the repository, or of what `STEPWRIGHT_SHARED` names, where it is there.
fn shared(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("STEPWRIGHT_SHARED").map_or(beside, PathBuf::from).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: {} is not there; these definitions are not part of the repository", folder.display());
    None
}

/// The errors of a definition, as CreateStateMachine writes them.
fn errors(text: &str) -> Vec<String> {
    Engine::validate(text).iter().filter(|found| found.is_error()).map(Diagnostic::to_string).collect()
}

/// Definitions in `folder` that are refused on AWS too: part of the name, and what is said.
const MALFORMED: [(&str, &str); 1] = [(
    "shared-fallback-state-jsonata",
    "SCHEMA_VALIDATION_FAILED: A state must be an object, was a string at /States/QueryLanguage",
)];

#[test]
fn published_definitions_are_accepted_and_malformed_ones_refused_with_their_reason() {
    let Some(folder) = shared("corpus") else { return };
    let mut accepted = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "json") || name == "index.json" {
            continue;
        }
        let errors = errors(&std::fs::read_to_string(&path).expect("a readable file"));
        let reason = MALFORMED.iter().find(|(part, _)| name.contains(part)).map(|(_, reason)| *reason);
        match (errors.first(), reason) {
            (None, None) => accepted += 1,
            (Some(error), Some(reason)) if error == reason => println!("refused, rightly: {name}: {error}"),
            _ => wrong.push((name, errors)),
        }
    }
    println!("{accepted} published definitions accepted");
    assert!(wrong.is_empty() && accepted > 0, "{wrong:#?}");
}

/// Around one state `S`, with `Done` to lead to.
fn around(state: &str) -> String {
    format!(r#"{{"StartAt": "S", "States": {{"S": {state}, "Done": {{"Type": "Succeed"}}}}}}"#)
}

const LAMBDA: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

fn task(fields: &str) -> String {
    around(&format!(r#"{{"Type": "Task", "Resource": "{LAMBDA}", "Next": "Done"{fields}}}"#))
}

fn pass(fields: &str) -> String {
    around(&format!(r#"{{"Type": "Pass", "Next": "Done"{fields}}}"#))
}

fn jsonata(fields: &str) -> String {
    pass(&format!(r#", "QueryLanguage": "JSONata"{fields}"#))
}

fn resource(arn: &str) -> String {
    around(&format!(r#"{{"Type": "Task", "Resource": "{arn}", "Next": "Done"}}"#))
}

/// Each text is told the part of an error beside it.
fn are_told(table: &[(&str, &str)]) {
    for (text, wanted) in table {
        let found = errors(text);
        assert!(found.iter().any(|error| error.contains(wanted)), "{text}\nis not told: {wanted}\nbut: {found:#?}");
    }
}

#[test]
fn what_aws_refuses_is_refused_with_its_code_and_place() {
    are_told(&[
        ("{", "INVALID_JSON_DESCRIPTION"),
        ("[]", "SCHEMA_VALIDATION_FAILED"),
        (r#"{"StartAt": "S"}"#, "SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /"),
        (&around(r#"{"Type": "Pass"}"#), "/States/S"),
        (&pass(r#", "Nxt": 1"#), "SCHEMA_VALIDATION_FAILED: Field 'Nxt' is not supported at /States/S"),
        (&pass(r#", "TimeoutSeconds": 1"#), "Field 'TimeoutSeconds' is not supported at /States/S"),
        (&pass(r#", "Retry": []"#), "Field 'Retry' is not supported at /States/S"),
        (&pass(r#", "Catch": []"#), "Field 'Catch' is not supported at /States/S"),
        (&pass(r#", "Parameters": {"a.$": "b"}"#), "must be a valid JSONPath or a valid intrinsic function call"),
        (&pass(r#", "Parameters": {"a.$": "States.Nope()"}"#), "at /States/S/Parameters"),
        (&pass(r#", "Parameters": {"a.$": "States.Format('\\a')"}"#), "at /States/S/Parameters"),
        (&pass(r#", "Parameters": {"a.$": "States.UUID(1)"}"#), "at /States/S/Parameters"),
        (&pass(r#", "ResultPath": "$$.a""#), "SCHEMA_VALIDATION_FAILED"),
        (&pass(r#", "ResultPath": "$.a[*]""#), "/States/S/ResultPath"),
        (&pass(r#", "InputPath": "$.a[""#), "/States/S/InputPath"),
        (&pass(r#", "Output": "x""#), "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported"),
        (&pass(r#", "Assign": {"states": 1}"#), "/States/S/Assign"),
        (&task(r#", "HeartbeatSeconds": 9, "TimeoutSeconds": 9"#), "/States/S/HeartbeatSeconds"),
        (&task(r#", "TimeoutSeconds": 0"#), "Minimum value is 1 at /States/S/TimeoutSeconds"),
        (&task(r#", "Retry": [{"ErrorEquals": []}]"#), "/States/S/Retry[0]/ErrorEquals"),
        (&task(r#", "Retry": [{"ErrorEquals": ["States.ALL", "E"]}]"#), "States.ALL must appear alone"),
        (&task(r#", "Catch": [{"ErrorEquals": ["E"]}]"#), "These fields are required: [Next] at /States/S/Catch[0]"),
        (
            &task(r#", "Catch": [{"ErrorEquals": ["E"], "Next": "X"}]"#),
            "MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/S/Catch[0]/Next",
        ),
        (&around(r#"{"Type": "Wait", "Seconds": 1, "SecondsPath": "$.a", "Next": "Done"}"#), "Exactly one of"),
        (
            &around(r#"{"Type": "Wait", "Timestamp": "soon", "Next": "Done"}"#),
            "String does not match RFC3339 timestamp",
        ),
        (&around(r#"{"Type": "Choice", "Choices": []}"#), "/States/S/Choices"),
        (
            r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}}}"#,
            "MISSING_END_STATE: Workflow has no terminal state at null",
        ),
        (
            r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}, "B": {"Type": "Pass", "End": true}}}"#,
            "MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at /States/B",
        ),
        (
            r#"{"QueryLanguage": "JSONata", "StartAt": "A",
                "States": {"A": {"Type": "Pass", "QueryLanguage": "JSONPath", "End": true}}}"#,
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/A",
        ),
    ]);
}

#[test]
fn resources_and_expressions_that_aws_refuses_are_refused() {
    are_told(&[
        (&resource("nonsense"), "/States/S/Resource"),
        (&resource("arn:aws:states:::dynamodb:query"), "is not recognized"),
        (&resource("arn:aws:states:::dynamodb:getItem.sync"), "is not recognized"),
        (&resource("arn:aws:states:::sqs:sendMessage.sync:2"), "is not recognized"),
        (&resource("arn:aws:states:::nosuchservice:act"), "is not recognized"),
        (&resource("arn:aws:states:::aws-sdk:dynamodb:Query"), "is not recognized"),
        (&jsonata(r#", "Output": "{% phone %}""#), "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone'"),
        (&jsonata(r#", "Output": "{% 1 + %}""#), "INVALID_JSONATA_EXPRESSION: Unexpected end of expression"),
        (&jsonata(r#", "Output": "{% $states.errorOutput %}""#), "UNSUPPORTED_JSONATA_EXPRESSION"),
        (&jsonata(r#", "Parameters": {}"#), "field 'Parameters' is only supported for the 'JSONPath' QueryLanguage"),
    ]);
}

#[test]
fn what_aws_accepts_is_accepted() {
    let table = [
        around(r#"{"Type": "Pass", "Comment": "c", "End": false, "Next": "Done"}"#),
        around(
            r#"{"Type": "Pass", "InputPath": "$$.Execution", "OutputPath": null, "ResultPath": null, "Next": "Done"}"#,
        ),
        around(r#"{"Type": "Pass", "Parameters": {"a.$": "States.Format('\\{{}\\}', $.a)"}, "Next": "Done"}"#),
        around(r#"{"Type": "Pass", "Parameters": {"a.$": "$..b[?(@.c == 'd')][0:2]"}, "Next": "Done"}"#),
        around(
            r#"{"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2", "Next": "Done",
                "Retry": [{"ErrorEquals": ["States.QuorumMet"], "Comment": "c", "MaxAttempts": 0}]}"#,
        ),
        around(
            r#"{"Type": "Map", "Next": "Done", "Label": "a", "ToleratedFailurePercentage": 5,
                "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}},
                "ItemBatcher": {"MaxItemsPerBatch": 9}, "ItemProcessor": {"StartAt": "P",
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                "States": {"P": {"Type": "Pass", "End": true}}}}"#,
        ),
        around(
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"a": "{% $states.input.b %}"}, "Next": "Done"}"#,
        ),
    ];
    for text in table {
        assert_eq!(errors(&text), [""; 0], "{text}");
    }
}

/// The definition with every `${symbol}`, which an earlier step of the recording gives a value, replaced by an ARN.
fn bound(definition: &str) -> String {
    let mut parts = definition.split("${");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (symbol, rest) = part.split_once('}').expect("a symbol ends");
        let kind = if symbol.contains("ctivity") { "states" } else { "lambda" };
        let resource = if kind == "states" { "activity" } else { "function" };
        text.push_str(&format!("arn:aws:{kind}:us-east-1:123456789012:{resource}:name{rest}"));
    }
    text
}

fn json_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            json_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
}

#[test]
fn recorded_definitions_are_accepted_or_refused_as_recorded() {
    let Some(folder) = shared("conformance/dev") else { return };
    let (mut paths, mut wrong, mut accepted, mut refused) = (Vec::new(), Vec::new(), 0, 0);
    json_files(&folder, &mut paths);
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let case: serde_json::Value = serde_json::from_str(&text).expect("a case is JSON");
        for step in case["steps"].as_array().into_iter().flatten() {
            let Some(definition) = step["params"]["definition"].as_str() else { continue };
            // What an EXPRESS state machine may not do is checked where the type is known.
            let created = matches!(step["op"].as_str(), Some("CreateStateMachine" | "UpdateStateMachine"));
            if !created || step["params"]["type"] == "EXPRESS" {
                continue;
            }
            let errors = errors(&bound(definition));
            match (errors.is_empty(), step["observed_error"] == "InvalidDefinition") {
                (true, false) => accepted += 1,
                (false, true) => refused += 1,
                _ => wrong.push((path.clone(), errors)),
            }
        }
    }
    println!("{accepted} accepted, {refused} refused, as recorded");
    assert!(wrong.is_empty() && accepted > 0 && refused > 0, "{wrong:#?}");
}

#[test]
fn no_resource_is_a_file_a_program_or_an_address() {
    for resource in [
        "file:///etc/passwd",
        "/bin/sh",
        "http://127.0.0.1/",
        "arn:aws:states:::file:read",
        "arn:aws:states:::exec:run",
    ] {
        let state = serde_json::json!({ "Type": "Task", "Resource": resource, "End": true });
        let definition = serde_json::json!({ "StartAt": "A", "States": { "A": state } }).to_string();
        let found = Engine::validate(&definition);
        assert!(found.iter().any(|diagnostic| diagnostic.severity == asl::Severity::Error), "{resource}");
    }
}

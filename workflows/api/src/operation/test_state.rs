//! TestState.

use std::sync::Arc;

use asl::{Object, Spelling, Value};
use engine::{FieldValidation, HttpExchange, Mock, StateConfiguration, StateTest, TestedState};
use execution::{Failure, Inspection, Verdict};
use serde_json::{Map, Value as Json, json};

use super::Context;
use super::execution::read_input;
use crate::fault::Fault;
use crate::fields::{ARN, CAUSE, DATA, DEFINITION, ERROR, Fields, STATE_NAME};
use crate::jackson;

const LEVELS: [&str; 3] = ["INFO", "DEBUG", "TRACE"];
const VALIDATIONS: [&str; 3] = ["STRICT", "PRESENT", "NONE"];

pub(super) async fn test(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let request = Request::read(&mut fields)?;
    if let Some(role) = request.role_arn.filter(|role| !role.starts_with("arn:")) {
        return Err(engine::Error::InvalidArn(format!("Invalid ARN prefix: {role}")).into());
    }
    let mut spelling = Spelling::default();
    let input = request.input.unwrap_or("{}");
    let raw = read_input(input)?;
    spelling.learn(&input.into(), &raw);
    let test = StateTest {
        definition: request.definition.to_owned(),
        state_name: request.state_name.map(str::to_owned),
        role_arn: request.role_arn.map(str::to_owned),
        variables: request.variables.map(|text| read_variables(text, &mut spelling)).transpose()?.unwrap_or_default(),
        context: request.context.map(|text| read_context(text, &mut spelling)).transpose()?,
        mock: request.mock.map(|mock| mock.into_mock(&mut spelling)).transpose()?,
        reveal_secrets: request.reveal_secrets,
        configuration: request.configuration,
        input: raw.clone(),
    };
    let tested = context.engine.test_state(test).await?;
    let mut answer = verdict(&tested, &spelling);
    if request.level != Level::Info {
        let mut data = inspection(&raw, &tested.inspection, &spelling);
        if let (Level::Trace, Some(exchange)) = (request.level, &tested.exchange) {
            data.extend(traced(exchange));
        }
        answer.insert("inspectionData".to_owned(), Json::Object(data));
    }
    Ok(Json::Object(answer))
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// What the state gives.
    Info,
    /// The data at every filter, too.
    Debug,
    /// What an HTTP Task sends and gets, too.
    Trace,
}

/// The fields of a request.
struct Request<'a> {
    definition: &'a str,
    state_name: Option<&'a str>,
    role_arn: Option<&'a str>,
    input: Option<&'a str>,
    level: Level,
    reveal_secrets: bool,
    variables: Option<&'a str>,
    context: Option<&'a str>,
    mock: Option<MockFields<'a>>,
    configuration: StateConfiguration,
}

/// The fields of a mock.
struct MockFields<'a> {
    result: Option<&'a str>,
    error_output: Option<Failure>,
    field_validation: FieldValidation,
}

impl<'a> Request<'a> {
    /// Reads the fields and checks them.
    fn read(fields: &mut Fields<'a>) -> Result<Self, Fault> {
        let request = Self {
            definition: fields.required("definition", &DEFINITION),
            state_name: fields.optional("stateName", &STATE_NAME),
            role_arn: fields.optional("roleArn", &ARN),
            input: fields.optional("input", &DATA),
            level: match fields.one_of("inspectionLevel", &LEVELS) {
                Some("DEBUG") => Level::Debug,
                Some("TRACE") => Level::Trace,
                _ => Level::Info,
            },
            reveal_secrets: fields.boolean("revealSecrets").unwrap_or(false),
            variables: fields.optional("variables", &DATA),
            context: fields.optional("context", &DATA),
            mock: fields.within("mock", MockFields::read),
            configuration: fields.within("stateConfiguration", read_configuration).unwrap_or_default(),
        };
        fields.check()?;
        Ok(request)
    }
}

impl<'a> MockFields<'a> {
    fn read(fields: &mut Fields<'a>) -> Self {
        let field_validation = match fields.one_of("fieldValidationMode", &VALIDATIONS) {
            Some("PRESENT") => FieldValidation::Present,
            Some("NONE") => FieldValidation::None,
            _ => FieldValidation::Strict,
        };
        let error_output = fields.within("errorOutput", |fields| Failure {
            error: Some(fields.required("error", &ERROR).into()),
            cause: fields.optional("cause", &CAUSE).map(Into::into),
        });
        Self { result: fields.optional("result", &DATA), error_output, field_validation }
    }

    fn read_result(text: &str, spelling: &mut Spelling) -> Result<Value, Fault> {
        let value = Value::parse(text).map_err(|_| Fault::validation("Mocked result must be valid JSON"))?;
        spelling.learn(&text.into(), &value);
        Ok(value)
    }

    fn into_mock(self, spelling: &mut Spelling) -> Result<Mock, Fault> {
        let Self { result, error_output, field_validation } = self;
        let result = result.map(|text| Self::read_result(text, spelling)).transpose()?;
        Ok(Mock { result, error_output, field_validation })
    }
}

fn read_configuration(fields: &mut Fields<'_>) -> StateConfiguration {
    let mut count = |name| fields.number(name, &(0..=i64::from(i32::MAX)));
    let retries = count("retrierRetryCount");
    let failed = count("mapIterationFailureCount");
    StateConfiguration {
        retrier_retry_count: retries.and_then(|count| u32::try_from(count).ok()),
        map_iteration_failure_count: failed.and_then(|count| u64::try_from(count).ok()),
        error_caused_by_state: fields.optional("errorCausedByState", &STATE_NAME).map(str::to_owned),
        map_item_reader_data: fields.optional("mapItemReaderData", &DATA).map(str::to_owned),
    }
}

fn read_variables(text: &str, spelling: &mut Spelling) -> Result<Object, Fault> {
    let invalid = |problem: &str| Fault::validation(format!("Invalid variables provided: {problem}"));
    let value = jackson::parse(text).map_err(|complaint| invalid(&complaint))?;
    spelling.learn(&text.into(), &value);
    value.as_object().cloned().ok_or_else(|| invalid("the variables must be a JSON object of values by name"))
}

fn read_context(text: &str, spelling: &mut Spelling) -> Result<Value, Fault> {
    let invalid = |complaint| Fault::validation(format!("Invalid Context object provided: {complaint}"));
    let value = jackson::parse(text).map_err(invalid)?;
    spelling.learn(&text.into(), &value);
    Ok(value)
}

fn verdict(tested: &TestedState, spelling: &Spelling) -> Map<String, Json> {
    let (status, output, next, failure) = match &tested.verdict {
        Verdict::Succeeded { output, next } => ("SUCCEEDED", Some(output), next.as_ref(), None),
        Verdict::CaughtError { failure, output, next } => ("CAUGHT_ERROR", Some(output), next.as_ref(), Some(failure)),
        Verdict::Retriable(failure) => ("RETRIABLE", None, None, Some(failure)),
        Verdict::Failed(failure) => ("FAILED", None, None, Some(failure)),
    };
    let text = |text: &Arc<str>| Json::from(&**text);
    let members = [
        ("output", output.map(|output| spelling.write(output).into())),
        ("error", failure.and_then(|failure| failure.error.as_ref()).map(text)),
        ("cause", failure.and_then(|failure| failure.cause.as_ref()).map(text)),
        ("nextState", next.map(text)),
        ("status", Some(status.into())),
    ];
    present(members)
}

fn inspection(input: &Value, seen: &Inspection, spelling: &Spelling) -> Map<String, Json> {
    let data = |value: &Option<Value>| value.as_ref().map(|value| Json::from(spelling.write(value)));
    let details = present([
        ("catchIndex", seen.catch_index.map(Json::from)),
        ("retryIndex", seen.retry_index.map(Json::from)),
        ("retryBackoffIntervalSeconds", seen.retry_backoff_interval_seconds.map(Json::from)),
    ]);
    present([
        ("input", Some(spelling.write(input).into())),
        ("afterArguments", data(&seen.after_arguments)),
        ("afterInputPath", data(&seen.after_input_path)),
        ("afterParameters", data(&seen.after_parameters)),
        ("afterItemsPath", data(&seen.after_items_path)),
        ("afterItemsPointer", data(&seen.after_items_pointer)),
        ("afterItemSelector", data(&seen.after_item_selector)),
        ("afterItemBatcher", data(&seen.after_item_batcher)),
        ("result", data(&seen.result)),
        ("afterResultSelector", data(&seen.after_result_selector)),
        ("afterResultPath", data(&seen.after_result_path)),
        ("variables", data(&seen.variables)),
        ("maxConcurrency", seen.max_concurrency.map(Json::from)),
        ("toleratedFailureCount", seen.tolerated_failure_count.map(Json::from)),
        ("toleratedFailurePercentage", seen.tolerated_failure_percentage.map(percentage)),
        ("errorDetails", (!details.is_empty()).then_some(Json::Object(details))),
    ])
}

/// What went over the wire for an HTTP Task.
fn traced(exchange: &HttpExchange) -> Map<String, Json> {
    let HttpExchange { request, response } = exchange;
    let text = |text: &String| Some(Json::from(text.as_str()));
    let request = present([
        ("protocol", text(&request.protocol)),
        ("method", text(&request.method)),
        ("url", text(&request.url)),
        ("headers", text(&request.headers)),
        ("body", request.body.as_ref().and_then(text)),
    ]);
    let response = response.as_ref().map(|response| {
        Json::Object(present([
            ("protocol", text(&response.protocol)),
            ("statusCode", text(&response.status_code)),
            ("statusMessage", text(&response.status_message)),
            ("headers", text(&response.headers)),
            ("body", text(&response.body)),
        ]))
    });
    present([("request", Some(Json::Object(request))), ("response", response)])
}

/// A `float` of the API.
#[expect(clippy::cast_precision_loss, reason = "at most 100")]
fn percentage(whole: u64) -> Json {
    json!(whole as f64)
}

/// The members that are there.
fn present<const N: usize>(members: [(&str, Option<Json>); N]) -> Map<String, Json> {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

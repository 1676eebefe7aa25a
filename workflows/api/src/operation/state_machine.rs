//! State machines: create, update, describe, list, delete.

use std::collections::BTreeSet;
use std::sync::Arc;

use asl::{ExecutionType, Value};
use engine::{
    ExecutionStateMachine, MachineStatus, NewStateMachine, Publish, Revision, SavedStateMachine, StateMachine,
    StateMachineChange, VariableReferences,
};
use serde_json::{Map, Value as Json, json};

use super::encryption::{self, Encryption};
use super::{Context, tag};
use crate::fault::Fault;
use crate::fields::{ARN, DEFINITION, Fields, NAME, VERSION_DESCRIPTION};
use crate::history::timestamp;
use crate::page::Page;

const TYPES: [&str; 2] = ["STANDARD", "EXPRESS"];
const INCLUDED_DATA: [&str; 2] = ["ALL_DATA", "METADATA_ONLY"];
const LOG_LEVELS: [&str; 4] = ["ALL", "ERROR", "FATAL", "OFF"];

pub(super) async fn create(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let name = fields.required("name", &NAME);
    let definition = fields.required("definition", &DEFINITION);
    let role_arn = fields.required("roleArn", &ARN);
    let kind = fields.one_of("type", &TYPES);
    let tags = tag::read(&mut fields).unwrap_or_default();
    let settings = Settings::read(&mut fields)?;
    let new = NewStateMachine {
        name: name.to_owned(),
        definition: definition.to_owned(),
        role_arn: role_arn.to_owned(),
        kind: execution_type(kind),
        logging: settings.logging,
        tracing: settings.tracing,
        encryption: settings.encryption,
        tags,
        publish: settings.publish,
    };
    let SavedStateMachine { machine, version } = context.engine.create_state_machine(new).await?;
    let mut answer = json!({ "stateMachineArn": &*machine.arn, "creationDate": timestamp(machine.creation_date) });
    if let Some(version) = version {
        answer["stateMachineVersionArn"] = (&*version.arn).into();
    }
    Ok(answer)
}

pub(super) async fn update(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineArn", &ARN);
    let definition = fields.optional("definition", &DEFINITION);
    let role_arn = fields.optional("roleArn", &ARN);
    let settings = Settings::read(&mut fields)?;
    let change = StateMachineChange {
        definition: definition.map(str::to_owned),
        role_arn: role_arn.map(str::to_owned),
        logging: settings.logging,
        tracing: settings.tracing,
        encryption: settings.encryption,
        publish: settings.publish,
    };
    let SavedStateMachine { machine, version } = context.engine.update_state_machine(arn, change).await?;
    let mut answer = json!({ "updateDate": timestamp(machine.update_date) });
    if let Some(revision) = &machine.revision_id {
        answer["revisionId"] = (&**revision).into();
    }
    if let Some(version) = version {
        answer["stateMachineVersionArn"] = (&*version.arn).into();
    }
    Ok(answer)
}

pub(super) async fn describe(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineArn", &ARN);
    let with_data = fields.one_of("includedData", &INCLUDED_DATA) != Some("METADATA_ONLY");
    fields.check()?;
    let engine = &context.engine;
    let version = engine.describe_state_machine_version(arn)?;
    let machine =
        version.as_ref().map_or_else(|| engine.describe_state_machine(arn), |it| Ok(Arc::clone(&it.machine)))?;
    let StateMachine { arn, name, definition, role_arn, .. } = &*machine;
    let revision = &Revision::from(&*machine);
    let variables = &machine.variable_references();
    let mut answer = description(&Shown { arn, name, definition, role_arn, revision, variables }, with_data);
    let status = match machine.status {
        MachineStatus::Active => "ACTIVE",
        MachineStatus::Deleting => "DELETING",
    };
    answer.insert("status".to_owned(), status.into());
    answer.insert("type".to_owned(), type_name(machine.kind).into());
    answer.insert("creationDate".to_owned(), timestamp(machine.creation_date));
    if let Some(version) = version {
        answer.insert("stateMachineArn".to_owned(), (&*version.arn).into());
        answer.insert("creationDate".to_owned(), timestamp(version.creation_date));
        if let Some(description) = &version.description {
            answer.insert("description".to_owned(), (&**description).into());
        }
    }
    Ok(Json::Object(answer))
}

pub(super) async fn describe_for_execution(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("executionArn", &ARN);
    let with_data = fields.one_of("includedData", &INCLUDED_DATA) != Some("METADATA_ONLY");
    fields.check()?;
    let machine = context.engine.describe_state_machine_for_execution(arn)?;
    let ExecutionStateMachine { arn, name, definition, role_arn, revision, variable_references: variables, .. } =
        &machine;
    let mut answer = description(&Shown { arn, name, definition, role_arn, revision, variables }, with_data);
    answer.insert("updateDate".to_owned(), timestamp(revision.update_date));
    for (key, value) in [("mapRunArn", &machine.map_run_arn), ("label", &machine.label)] {
        if let Some(value) = value {
            answer.insert(key.to_owned(), (&**value).into());
        }
    }
    Ok(Json::Object(answer))
}

/// What both descriptions show.
struct Shown<'a> {
    arn: &'a str,
    name: &'a str,
    definition: &'a str,
    role_arn: &'a str,
    revision: &'a Revision,
    variables: &'a VariableReferences,
}

fn description(shown: &Shown<'_>, with_data: bool) -> Map<String, Json> {
    let machine = shown.revision;
    let mut answer = Map::new();
    answer.insert("stateMachineArn".to_owned(), shown.arn.into());
    answer.insert("name".to_owned(), shown.name.into());
    // As AWS has it: a definition is always there, and stands for nothing where data is not wanted.
    answer.insert("definition".to_owned(), if with_data { shown.definition } else { "{}" }.into());
    if with_data && !shown.variables.is_empty() {
        let names = |names: &BTreeSet<Arc<str>>| names.iter().map(|name| Json::from(&**name)).collect();
        let variables = shown.variables.iter().map(|(state, read)| (state.to_string(), names(read)));
        answer.insert("variableReferences".to_owned(), Json::Object(variables.collect()));
    }
    answer.insert("roleArn".to_owned(), shown.role_arn.into());
    let logging = machine.logging.as_ref().map_or_else(|| logging_with_defaults(&Map::new()), Json::from);
    answer.insert("loggingConfiguration".to_owned(), logging);
    let tracing = machine.tracing.as_ref().map_or_else(|| json!({ "enabled": false }), Json::from);
    answer.insert("tracingConfiguration".to_owned(), tracing);
    if let Some(encryption) = &machine.encryption {
        answer.insert("encryptionConfiguration".to_owned(), encryption.into());
    }
    if let Some(revision) = &machine.revision_id {
        answer.insert("revisionId".to_owned(), (&**revision).into());
    }
    answer
}

pub(super) async fn list(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let page = Page::read(&mut fields, 1024, "ListStateMachines".to_owned(), context.engine.now())?;
    let all = context.engine.list_state_machines();
    let (machines, next) = page.cut(&all, |machine| machine.arn.to_string());
    let machines: Vec<Json> = machines
        .iter()
        .map(|machine| {
            json!({
                "stateMachineArn": &*machine.arn,
                "name": &*machine.name,
                "type": type_name(machine.kind),
                "creationDate": timestamp(machine.creation_date),
            })
        })
        .collect();
    Ok(super::listing("stateMachines", machines, next))
}

pub(super) async fn delete(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineArn", &ARN);
    fields.check()?;
    context.engine.delete_state_machine(arn).await?;
    Ok(json!({}))
}

fn execution_type(name: Option<&str>) -> ExecutionType {
    match name {
        Some("EXPRESS") => ExecutionType::Express,
        _ => ExecutionType::Standard,
    }
}

const fn type_name(kind: ExecutionType) -> &'static str {
    match kind {
        ExecutionType::Standard => "STANDARD",
        ExecutionType::Express => "EXPRESS",
    }
}

/// What create and update share beside definition and role.
struct Settings {
    logging: Option<Value>,
    tracing: Option<Value>,
    encryption: Option<Value>,
    publish: Option<Publish>,
}

impl Settings {
    /// Reads and checks them, with all fields read so far.
    fn read(fields: &mut Fields<'_>) -> Result<Self, Fault> {
        let publish = fields.boolean("publish").unwrap_or(false);
        let described = fields.optional("versionDescription", &VERSION_DESCRIPTION);
        let logging = fields.object("loggingConfiguration");
        fields.within("loggingConfiguration", check_logging);
        let tracing = fields.object("tracingConfiguration");
        fields.within("tracingConfiguration", |fields| fields.boolean("enabled"));
        let encryption = encryption::read(fields);
        fields.check()?;
        if described.is_some() && !publish {
            return Err(Fault::validation("Version description can only be set when publish is true"));
        }
        Ok(Self {
            logging: logging.map(read_logging).transpose()?,
            tracing: tracing.map(read_tracing),
            encryption: encryption.map(Encryption::checked).transpose()?,
            publish: publish.then(|| Publish { description: described.map(str::to_owned) }),
        })
    }
}

/// What the fields of `loggingConfiguration` may be.
fn check_logging(fields: &mut Fields<'_>) {
    fields.one_of("level", &LOG_LEVELS);
    fields.boolean("includeExecutionData");
    fields.each("destinations", |destination| {
        destination.within("cloudWatchLogsLogGroup", |group| group.optional("logGroupArn", &ARN).is_some());
    });
}

fn read_tracing(members: &Map<String, Json>) -> Value {
    Value::object([("enabled", Value::Bool(members.get("enabled").and_then(Json::as_bool).unwrap_or(false)))])
}

/// A level other than OFF needs exactly one destination, as on AWS.
fn read_logging(members: &Map<String, Json>) -> Result<Value, Fault> {
    let complete = logging_with_defaults(members);
    let level = complete["level"].as_str().unwrap_or_default();
    let destinations = complete.get("destinations").and_then(Json::as_array).map_or(0, Vec::len);
    if destinations > 1 || (destinations == 0 && level != "OFF") {
        return Err(Fault::caller(
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: Must specify exactly one Log Destination.",
        ));
    }
    if destinations == 1 && !log_group(&complete["destinations"][0]).is_some_and(|arn| arn.ends_with(":*")) {
        return Err(Fault::caller(
            "InvalidLoggingConfiguration",
            "Invalid Logging Configuration: Log Group ARN must be provided with '*' qualifier.",
        ));
    }
    Ok(Value::from(&complete))
}

/// ARN of a destination's log group.
fn log_group(destination: &Json) -> Option<&str> {
    destination.get("cloudWatchLogsLogGroup")?.get("logGroupArn")?.as_str()
}

fn logging_with_defaults(members: &Map<String, Json>) -> Json {
    let mut complete = json!({ "level": "OFF", "includeExecutionData": false });
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        complete[name] = value.clone();
    }
    complete
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logging(text: &str) -> Result<String, Fault> {
        let members: Map<String, Json> = serde_json::from_str(text).unwrap();
        read_logging(&members).map(|value| value.to_string())
    }

    #[test]
    fn logging_is_completed_as_aws_completes_it() {
        assert_eq!(logging("{}").unwrap(), r#"{"level":"OFF","includeExecutionData":false}"#);
        assert_eq!(
            logging(r#"{"destinations":[]}"#).unwrap(),
            r#"{"level":"OFF","includeExecutionData":false,"destinations":[]}"#
        );
    }

    #[test]
    fn a_level_needs_exactly_one_destination() {
        for text in [r#"{"level":"ALL"}"#, r#"{"level":"ALL","destinations":[]}"#, r#"{"destinations":[{},{}]}"#] {
            assert_eq!(logging(text).unwrap_err().code, "InvalidLoggingConfiguration", "{text}");
        }
    }

    #[test]
    fn a_log_group_is_named_with_all_its_streams() {
        let with = |arn: &str| {
            logging(&format!(
                r#"{{"level":"ALL","destinations":[{{"cloudWatchLogsLogGroup":{{"logGroupArn":"{arn}"}}}}]}}"#
            ))
        };
        assert!(with("arn:aws:logs:us-east-1:123456789012:log-group:g:*").is_ok());
        let refused = with("arn:aws:logs:us-east-1:123456789012:log-group:g").unwrap_err();
        assert_eq!(refused.code, "InvalidLoggingConfiguration");
        assert!(refused.message.ends_with("must be provided with '*' qualifier."), "{}", refused.message);
    }

    #[test]
    fn settings_are_refused_by_name() {
        for (body, wanted) in [
            (json!({"publish": true, "versionDescription": "x".repeat(257)}), "at 'versionDescription' failed"),
            (json!({"versionDescription": "x"}), "Version description can only be set when publish is true"),
            (json!({"tracingConfiguration": {"enabled": "yes"}}), "'tracingConfiguration.enabled'"),
            (json!({"loggingConfiguration": []}), "'loggingConfiguration'"),
            (json!({"loggingConfiguration": {"level": "LOUD"}}), "[ALL, ERROR, FATAL, OFF]"),
            (
                json!({"loggingConfiguration": {"destinations": {}}}),
                "'loggingConfiguration.destinations' must be an array",
            ),
        ] {
            let refused = Settings::read(&mut Fields::of(&body).unwrap());
            assert!(refused.err().unwrap().message.contains(wanted), "{body}");
        }
    }
}

//! A created function's settings: what requests may say of them, what is kept, and how AWS describes them.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::refusal::Refusal;
use crate::runtime::{self, Runtime};

/// Seconds of a function that says nothing, and the most it may say.
const TIMEOUT: (i64, i64) = (3, 900);
/// MiB of a function that says nothing, and the most it may say.
const MEMORY: (i64, i64) = (128, 10_240);
/// Bytes that a function's variables may have, names and values, as JSON.
const LARGEST_ENVIRONMENT: usize = 4096;
/// Longest handler and longest description, in characters.
const LONGEST_HANDLER: usize = 128;
const LONGEST_DESCRIPTION: usize = 256;

/// Variables that belong to Lambda.
const RESERVED: [&str; 20] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Members that change what a function does and that the host does not carry out: a function that needs one is refused
/// rather than run differently.
const UNSERVED: [(&str, &str); 10] = [
    ("Layers", "put what the layers hold into the package"),
    ("ImageConfig", "give a zip package instead of an image"),
    ("VpcConfig", "leave it out: functions are on this machine's own network"),
    ("FileSystemConfigs", "leave them out, and read this machine's files"),
    ("DeadLetterConfig", "leave it out: an asynchronous invocation that fails is only logged"),
    ("KMSKeyArn", "leave it out: variables are kept as they are"),
    ("CodeSigningConfigArn", "leave it out: signatures are not checked"),
    ("CapacityProviderConfig", "leave it out"),
    ("DurableConfig", "leave it out"),
    ("TenancyConfig", "leave it out"),
];

/// What a request says of a function's settings. What it leaves out stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Change {
    description: Option<String>,
    handler: Option<String>,
    role: Option<String>,
    runtime: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    environment: Option<Environment>,
    tracing_config: Option<Tracing>,
    ephemeral_storage: Option<Storage>,
    revision_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Environment {
    variables: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Tracing {
    mode: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Storage {
    size: Option<i64>,
}

/// A created function, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) runtime: Runtime,
    pub(crate) handler: String,
    pub(crate) role: String,
    pub(crate) description: String,
    pub(crate) timeout_seconds: u32,
    pub(crate) memory_mb: u32,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) architectures: Vec<String>,
    pub(crate) storage_mb: u32,
    pub(crate) tracing: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) revision: String,
    /// As AWS writes it.
    pub(crate) last_modified: String,
    pub(crate) code: Package,
}

/// The code that a function has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Package {
    /// The folder in the function's own that holds it.
    pub(crate) folder: String,
    /// Base64, as AWS writes it.
    pub(crate) sha256: String,
    /// Bytes of the archive.
    pub(crate) size: usize,
}

/// Whether a function can be invoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    /// Its runtime is being installed.
    Pending,
    /// Its runtime cannot be installed, for this reason.
    Failed(String),
}

impl Settings {
    /// What a function has of which nothing is said.
    pub(crate) fn new(name: &str, runtime: Runtime) -> Self {
        Self {
            name: name.to_owned(),
            runtime,
            handler: String::new(),
            role: String::new(),
            description: String::new(),
            timeout_seconds: 3,
            memory_mb: 128,
            environment: BTreeMap::new(),
            architectures: vec![if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }.to_owned()],
            storage_mb: 512,
            tracing: "PassThrough".to_owned(),
            tags: BTreeMap::new(),
            revision: String::new(),
            last_modified: String::new(),
            code: Package::default(),
        }
    }

    /// AWS's `FunctionConfiguration`.
    pub(crate) fn describe(&self, arn: &str, state: &State) -> Value {
        let mut document = json!({
            "FunctionName": self.name,
            "FunctionArn": arn,
            "Runtime": self.runtime.identifier(),
            "Role": self.role,
            "Handler": self.handler,
            "CodeSize": self.code.size,
            "Description": self.description,
            "Timeout": self.timeout_seconds,
            "MemorySize": self.memory_mb,
            "LastModified": self.last_modified,
            "CodeSha256": self.code.sha256,
            "Version": "$LATEST",
            "TracingConfig": {"Mode": self.tracing},
            "RevisionId": self.revision,
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": self.architectures,
            "EphemeralStorage": {"Size": self.storage_mb},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": format!("/aws/lambda/{}", self.name)},
        });
        if !self.environment.is_empty() {
            document["Environment"] = json!({"Variables": self.environment});
        }
        let (name, reason) = match state {
            State::Active => ("Active", None),
            State::Pending => ("Pending", Some(("The function is being created.", "Creating"))),
            State::Failed(reason) => ("Failed", Some((reason.as_str(), "FunctionError"))),
        };
        document["State"] = json!(name);
        if let Some((reason, code)) = reason {
            document["StateReason"] = json!(reason);
            document["StateReasonCode"] = json!(code);
        }
        document
    }
}

impl Change {
    /// Changes `settings`, or nothing.
    pub(crate) fn apply(self, settings: &mut Settings) -> Result<(), Refusal> {
        self.check_revision(&settings.revision)?;
        let mut changed = settings.clone();
        self.texts(&mut changed)?;
        if let Some(runtime) = &self.runtime {
            changed.runtime = served(runtime)?;
        }
        if let Some(timeout) = self.timeout {
            changed.timeout_seconds = within("timeout", timeout, 1, TIMEOUT.1)?;
        }
        if let Some(memory) = self.memory_size {
            changed.memory_mb = within("memorySize", memory, MEMORY.0, MEMORY.1)?;
        }
        if let Some(size) = self.ephemeral_storage.and_then(|storage| storage.size) {
            changed.storage_mb = within("ephemeralStorage.size", size, 512, 10_240)?;
        }
        if let Some(environment) = self.environment {
            check_environment(&environment.variables)?;
            changed.environment = environment.variables;
        }
        if let Some(mode) = self.tracing_config.and_then(|tracing| tracing.mode) {
            if !["Active", "PassThrough"].contains(&mode.as_str()) {
                let constraint = "satisfy enum value set: [Active, PassThrough]";
                return Err(Refusal::constraint("tracingConfig.mode", Some(&mode), constraint));
            }
            changed.tracing = mode;
        }
        *settings = changed;
        Ok(())
    }

    fn check_revision(&self, current: &str) -> Result<(), Refusal> {
        check_revision(self.revision_id.as_deref(), current)
    }

    fn texts(&self, settings: &mut Settings) -> Result<(), Refusal> {
        if let Some(description) = &self.description {
            if description.chars().count() > LONGEST_DESCRIPTION {
                let constraint = format!("have length less than or equal to {LONGEST_DESCRIPTION}");
                return Err(Refusal::constraint("description", Some(description), &constraint));
            }
            settings.description.clone_from(description);
        }
        if let Some(handler) = &self.handler {
            if handler.len() > LONGEST_HANDLER || handler.is_empty() || handler.contains(char::is_whitespace) {
                let constraint =
                    "satisfy regular expression pattern: [^\\s]+ and have length less than or equal to 128";
                return Err(Refusal::constraint("handler", Some(handler), constraint));
            }
            settings.handler.clone_from(handler);
        }
        if let Some(role) = &self.role {
            if !is_role(role) {
                let constraint = "satisfy regular expression pattern: \
                                  arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";
                return Err(Refusal::constraint("role", Some(role), constraint));
            }
            settings.role.clone_from(role);
        }
        Ok(())
    }
}

/// Whether the caller knows the function as it is now.
pub(crate) fn check_revision(expected: Option<&str>, current: &str) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != current => Err(Refusal::user(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to \
             retrieve the latest RevisionId",
        )),
        _ => Ok(()),
    }
}

/// The runtime of that name.
pub(crate) fn served(runtime: &str) -> Result<Runtime, Refusal> {
    runtime.parse().map_err(|unserved: runtime::Unserved| {
        Refusal::value(format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}]: \
             {unserved}",
            runtime::served()
        ))
    })
}

/// Refuses members that the host does not carry out, by name.
pub(crate) fn check_served(body: &Map<String, Value>) -> Result<(), Refusal> {
    for (member, remedy) in UNSERVED {
        if body.get(member).is_some_and(asks) {
            return Err(Refusal::value(format!("{member} is not supported by this host: {remedy}")));
        }
    }
    let snapshots = body.get("SnapStart").and_then(|snapshots| snapshots["ApplyOn"].as_str());
    if snapshots.is_some_and(|apply| apply != "None") {
        return Err(Refusal::value("SnapStart is not supported by this host: leave it out"));
    }
    Ok(())
}

/// Whether a member says anything: tools send empty ones.
fn asks(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(asks),
        Value::Object(members) => members.values().any(asks),
        Value::Bool(value) => *value,
        Value::Number(_) => true,
    }
}

fn within(member: &str, value: i64, least: i64, most: i64) -> Result<u32, Refusal> {
    let broken = |constraint: String| Refusal::constraint(member, Some(&value.to_string()), &constraint);
    match u32::try_from(value) {
        Ok(small) if (least..=most).contains(&value) => Ok(small),
        _ if value > most => Err(broken(format!("have value less than or equal to {most}"))),
        _ => Err(broken(format!("have value greater than or equal to {least}"))),
    }
}

fn is_role(role: &str) -> bool {
    let parts: Vec<&str> = role.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else { return false };
    let name = resource.strip_prefix("role").unwrap_or_default();
    let twelve = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@-_/".contains(&byte);
    twelve && partition.starts_with("aws") && name.len() > 1 && name.bytes().all(allowed)
}

fn check_environment(variables: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let reserved: Vec<&str> = variables.keys().map(String::as_str).filter(|name| RESERVED.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(Refusal::value(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {}",
            reserved.join(", ")
        )));
    }
    let is_name = |name: &str| {
        name.len() > 1
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if let Some(name) = variables.keys().find(|name| !is_name(name)) {
        let constraint = "satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+";
        return Err(Refusal::constraint("environment.variables", Some(name), constraint));
    }
    let measured = json!(variables).to_string();
    if measured.len() > LARGEST_ENVIRONMENT {
        return Err(Refusal::value(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(change: Value) -> Result<Settings, String> {
        let mut settings = Settings::new("f", "python3.12".parse().unwrap());
        settings.revision = "r1".to_owned();
        let change: Change = serde_json::from_value(change).unwrap();
        change.apply(&mut settings).map(|()| settings).map_err(|refusal| format!("{refusal:?}"))
    }

    #[test]
    fn what_is_left_out_stays() {
        let settings = applied(json!({"Timeout": 900, "Environment": {"Variables": {"TABLE": "t"}}})).unwrap();
        assert_eq!((settings.timeout_seconds, settings.memory_mb), (900, 128));
        assert_eq!(settings.environment["TABLE"], "t");
        assert_eq!(settings.runtime.identifier(), "python3.12");
    }

    #[test]
    fn refusals_name_the_member_and_its_constraint() {
        for (change, text) in [
            (json!({"Timeout": 0}), "Value '0' at 'timeout' failed"),
            (json!({"Timeout": 901}), "Member must have value less than or equal to 900"),
            (json!({"MemorySize": 64}), "Value '64' at 'memorySize'"),
            (json!({"Handler": "a b"}), "at 'handler'"),
            (json!({"Role": "admin"}), "at 'role'"),
            (json!({"Runtime": "cobol"}), "Value cobol at 'runtime'"),
            (json!({"TracingConfig": {"Mode": "Loud"}}), "at 'tracingConfig.mode'"),
            (json!({"Environment": {"Variables": {"AWS_REGION": "x"}}}), "used in this request: AWS_REGION"),
            (json!({"Environment": {"Variables": {"1X": "x"}}}), "Value '1X' at 'environment.variables'"),
            (json!({"Environment": {"Variables": {"XX": "x".repeat(4096)}}}), "exceeded the 4KB limit"),
            (json!({"RevisionId": "r0"}), "PreconditionFailedException"),
        ] {
            let refusal = applied(change.clone()).unwrap_err();
            assert!(refusal.contains(text), "{change}: {refusal}");
        }
    }

    #[test]
    fn what_the_host_does_not_carry_out_is_refused_by_name() {
        let check = |body: Value| check_served(body.as_object().unwrap()).map_err(|refusal| format!("{refusal:?}"));
        assert!(check(json!({"Layers": ["arn:layer"]})).unwrap_err().contains("Layers is not supported by this host"));
        assert!(check(json!({"SnapStart": {"ApplyOn": "PublishedVersions"}})).unwrap_err().contains("SnapStart"));
        let empty = json!({"Layers": [], "VpcConfig": {"SubnetIds": [], "Ipv6AllowedForDualStack": false}});
        assert_eq!(check(empty), Ok(()));
    }

    #[test]
    fn a_description_says_what_aws_says() {
        let settings = applied(json!({"Handler": "app.handler"})).unwrap();
        let document = settings.describe("arn:f", &State::Pending);
        assert_eq!((&document["State"], &document["StateReasonCode"]), (&json!("Pending"), &json!("Creating")));
        assert_eq!((&document["Handler"], &document["Runtime"]), (&json!("app.handler"), &json!("python3.12")));
        assert_eq!(document.get("Environment"), None);
        let failed = settings.describe("arn:f", &State::Failed("no python".into()));
        assert_eq!((&failed["State"], &failed["StateReason"]), (&json!("Failed"), &json!("no python")));
    }

    #[test]
    fn settings_come_back_as_they_were_kept() {
        let settings = applied(json!({"Handler": "app.handler"})).unwrap();
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }
}

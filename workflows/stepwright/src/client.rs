//! Calls to the Step Functions API and to AWS's, with answers that people can use.

use clap::Args;
use engine::{Clock, aws};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::failure::{Exit, Failure};

/// The name of the Step Functions service.
const STEP_FUNCTIONS: &str = "sfn";

/// Where the Step Functions API is.
#[derive(Clone, Debug, Args)]
pub(crate) struct EngineOptions {
    /// The Step Functions endpoint.
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_SFN", default_value = "http://127.0.0.1:8083")]
    pub(crate) endpoint_url: String,
    /// The region.
    #[arg(long, value_name = "REGION", env = "AWS_REGION", default_value = "us-east-1")]
    pub(crate) region: String,
}

impl EngineOptions {
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::new(STEP_FUNCTIONS, "--endpoint-url", &self.endpoint_url, &self.region)
    }
}

/// Where the other AWS APIs are, and what is kept there.
#[derive(Clone, Debug, Args)]
pub(crate) struct AwsOptions {
    /// The endpoint of DynamoDB and SQS.
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL", default_value = "http://127.0.0.1:8085")]
    pub(crate) aws_endpoint_url: String,
    /// The DynamoDB table with approvals and redrive counts.
    #[arg(long, value_name = "TABLE", env = "STATE_TABLE_NAME", default_value = "ops-state")]
    pub(crate) state_table: String,
    /// The account, twelve digits.
    #[arg(long, value_name = "ID", default_value = "123456789012")]
    pub(crate) account: String,
    /// The region of DynamoDB and SQS.
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    pub(crate) aws_region: String,
}

impl AwsOptions {
    pub(crate) fn client(&self, service: &'static str) -> Result<Client, Failure> {
        Client::new(service, "--aws-endpoint-url", &self.aws_endpoint_url, &self.aws_region)
    }

    /// The URL of the queue `name` in this account.
    pub(crate) fn queue_url(&self, name: &str) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{name}", self.aws_region, self.account)
    }
}

/// A client of one service at one endpoint.
#[derive(Debug)]
pub(crate) struct Client {
    service: &'static str,
    /// The option that says where.
    option: &'static str,
    url: String,
    inner: aws::Client,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// Nobody answered, or not in a way that can be read.
    Unreachable {
        /// Where.
        url: String,
        /// The option that says where.
        option: &'static str,
        reason: String,
    },
    /// The service's own answer.
    Refused {
        /// The exception's name.
        code: String,
        message: String,
    },
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable { url, option, reason } => {
                Self::new(Exit::Unreachable, format!("{url} cannot be reached: {reason}"))
                    .remedy(format!("start it with `stepwright serve`, or say where it is with {option} URL"))
            }
            CallError::Refused { code, message } => Self::new(Exit::Refused, format!("{code}: {message}")),
        }
    }
}

impl Client {
    fn new(service: &'static str, option: &'static str, url: &str, region: &str) -> Result<Self, Failure> {
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(Failure::usage(format!("{option}: '{url}' is no URL"))
                .remedy("give one that begins with http:// or https://"));
        }
        let inner = aws::Client::new(aws::Endpoint::Url(url.to_owned()), region, Clock::system());
        Ok(Self { service, option, url: url.to_owned(), inner })
    }

    /// Calls `operation`.
    pub(crate) async fn call(&self, operation: &str, request: Json) -> Result<Json, Failure> {
        Ok(self.try_call(operation, request).await?)
    }

    /// Calls `operation`, where the caller has an answer to a refusal.
    pub(crate) async fn try_call(&self, operation: &str, request: Json) -> Result<Json, CallError> {
        let wire = self.service == STEP_FUNCTIONS;
        let request = if wire { respell(request, &capitalise) } else { request };
        match self.inner.call(self.service, operation, &asl::Value::from(&request)).await {
            Ok(reply) if wire => Ok(seconds(respell(Json::from(&reply.body), &uncapitalise))),
            Ok(reply) => Ok(Json::from(&reply.body)),
            Err(aws::CallError::Service { code, message, .. }) if !code.is_empty() => {
                Err(CallError::Refused { code, message })
            }
            Err(aws::CallError::Service { status, .. }) => {
                Err(self.unreachable(format!("it answers with status {status}, and not as an AWS service")))
            }
            Err(other) => Err(self.unreachable(other.to_string())),
        }
    }

    fn unreachable(&self, reason: String) -> CallError {
        CallError::Unreachable { url: self.url.clone(), option: self.option, reason }
    }

    /// All items under `key` of a listing, page after page.
    pub(crate) async fn pages(&self, operation: &str, request: Json, key: &str) -> Result<Vec<Json>, Failure> {
        self.first_pages(operation, request, key, usize::MAX).await
    }

    /// The same until there are `most` items.
    pub(crate) async fn first_pages(
        &self,
        operation: &str,
        mut request: Json,
        key: &str,
        most: usize,
    ) -> Result<Vec<Json>, Failure> {
        let mut items = Vec::new();
        loop {
            let mut page = self.call(operation, request.clone()).await?;
            if let Some(Json::Array(more)) = page.get_mut(key).map(Json::take) {
                items.extend(more);
            }
            match page.get("nextToken").filter(|token| !token.is_null()) {
                Some(token) if items.len() < most => request["nextToken"] = token.clone(),
                _ => break,
            }
        }
        items.truncate(most);
        Ok(items)
    }
}

/// `value` with every name spelt by `spell`: the engine's client speaks the SDK integrations' PascalCase, the API's
/// own names begin with a small letter.
fn respell(value: Json, spell: &dyn Fn(&str) -> String) -> Json {
    match value {
        Json::Array(items) => items.into_iter().map(|item| respell(item, spell)).collect(),
        Json::Object(members) => {
            let members: Map<String, Json> =
                members.into_iter().map(|(name, value)| (spell(&name), respell(value, spell))).collect();
            Json::Object(members)
        }
        other => other,
    }
}

fn capitalise(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

fn uncapitalise(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

/// `value` with its instants as the API writes them, in seconds since 1970: the engine's client gives ISO 8601.
fn seconds(value: Json) -> Json {
    match value {
        Json::Array(items) => items.into_iter().map(seconds).collect(),
        Json::Object(members) => Json::Object(members.into_iter().map(second).collect()),
        other => other,
    }
}

fn second((name, value): (String, Json)) -> (String, Json) {
    let named = name == "timestamp" || name.ends_with("Date");
    let instant = value.as_str().filter(|_| named).and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let value = match instant {
        Some(instant) => json!((instant.unix_timestamp_nanos() / 1_000_000) as f64 / 1000.0),
        None => seconds(value),
    };
    (name, value)
}

/// A state machine of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) arn: String,
}

/// Every state machine, by name.
pub(crate) async fn machines(client: &Client) -> Result<Vec<Machine>, Failure> {
    let listed = client.pages("ListStateMachines", json!({ "maxResults": 1000 }), "stateMachines").await?;
    let text = |machine: &Json, key: &str| machine.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    Ok(listed
        .iter()
        .map(|machine| Machine { name: text(machine, "name"), arn: text(machine, "stateMachineArn") })
        .collect())
}

/// The ARN of the state machine that `name` names; an ARN is taken as it is.
pub(crate) async fn find_machine(client: &Client, name: &str) -> Result<String, Failure> {
    if name.starts_with("arn:") {
        return Ok(name.to_owned());
    }
    choose(machines(client).await?, name)
}

fn choose(machines: Vec<Machine>, name: &str) -> Result<String, Failure> {
    let names: Vec<String> = machines.iter().map(|machine| machine.name.clone()).collect();
    let found = machines.into_iter().find(|machine| machine.name == name);
    found.map(|machine| machine.arn).ok_or_else(|| {
        let remedy = if names.is_empty() {
            "the server has none: start it with --definitions DIR".to_owned()
        } else {
            format!("the server has {}", names.join(", "))
        };
        Failure::new(Exit::Refused, format!("there is no state machine '{name}'")).remedy(remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_machine_is_told_with_the_known_ones() {
        let machines = || ["a", "b"].map(|name| Machine { name: name.to_owned(), arn: format!("arn:{name}") }).to_vec();
        assert_eq!(choose(machines(), "b").unwrap(), "arn:b");
        let failure = choose(machines(), "c").unwrap_err();
        assert_eq!(failure.text(), "error: there is no state machine 'c'\n       the server has a, b");
        assert!(choose(Vec::new(), "c").unwrap_err().remedy.unwrap().contains("--definitions"));
    }

    #[test]
    fn names_and_instants_come_out_as_the_api_has_them() {
        let reply = json!({"Events": [{"Id": 1, "Timestamp": "2023-11-14T22:13:20.123Z", "Type": "PassStateEntered"}],
                           "StartDate": "2023-11-14T22:13:20Z", "Input": "2023-11-14T22:13:20Z"});
        assert_eq!(
            seconds(respell(reply, &uncapitalise)),
            json!({"events": [{"id": 1, "timestamp": 1_700_000_000.123, "type": "PassStateEntered"}],
                   "startDate": 1_700_000_000.0, "input": "2023-11-14T22:13:20Z"})
        );
        assert_eq!(respell(json!({"stateMachineArn": "a"}), &capitalise), json!({"StateMachineArn": "a"}));
    }

    #[test]
    fn an_endpoint_must_be_a_url() {
        let failure = Client::new(STEP_FUNCTIONS, "--endpoint-url", "localhost:8083", "us-east-1").unwrap_err();
        assert_eq!((failure.exit, &*failure.message), (Exit::Usage, "--endpoint-url: 'localhost:8083' is no URL"));
    }

    #[test]
    fn a_silent_server_has_its_own_exit_code() {
        let error =
            CallError::Unreachable { url: "http://x".into(), option: "--endpoint-url", reason: "refused".into() };
        let failure = Failure::from(error);
        assert_eq!(failure.exit, Exit::Unreachable);
        assert!(failure.remedy.unwrap().ends_with("--endpoint-url URL"));
    }
}

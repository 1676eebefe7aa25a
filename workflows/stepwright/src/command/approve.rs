//! `stepwright approve` and `stepwright deny`: a person's answer to a workflow that waits for one.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::client::{AwsOptions, CallError, Client, EngineOptions};
use crate::clock::ReaderOptions;
use crate::failure::{Exit, Failure};
use crate::item::Item;
use crate::screen::{Screen, Tone, duration, instant};

/// How often a question is looked at again that did not take its answer, and the pause before each look. While a
/// workflow sees whether its question still stands, the question waits with its next token.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// Answers a request for approval.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The request's id, as the notification shows it.
    id: String,
    /// Who answers.
    #[arg(long = "as", value_name = "USER", env = "USER")]
    user: Option<String>,
    /// A word on the answer, kept with it.
    #[arg(long)]
    comment: Option<String>,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    aws: AwsOptions,
    #[command(flatten)]
    clock: ReaderOptions,
}

/// The two answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Approved,
    Denied,
}

impl Decision {
    const fn name(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Denied => "DENIED",
        }
    }
}

/// A request for approval, as the workflow has stored it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Request {
    token: Option<String>,
    status: String,
    requested_by: String,
    tier: Option<i64>,
    /// Seconds since 1970.
    expires_at: Option<i64>,
    question: String,
}

pub(crate) async fn run(screen: &Screen, arguments: &Arguments, decision: Decision) -> Result<(), Failure> {
    let approver = arguments
        .user
        .as_deref()
        .map(str::trim)
        .filter(|user| !user.is_empty())
        .ok_or_else(|| Failure::usage("--as: nobody is named").remedy("say who answers with --as USER"))?;
    let dynamodb = arguments.aws.client("dynamodb")?;
    let engine = arguments.engine.client()?;
    let answer = json!({
        "decision": decision.name(),
        "approver": approver,
        "comment": arguments.comment.as_deref().unwrap_or_default(),
    });
    let mut looks = 0;
    loop {
        let request = read(&dynamodb, &arguments.aws.state_table, &arguments.id).await?;
        let now = arguments.clock.now()?;
        let token = request.permit(decision, approver, now)?;
        let sending = json!({ "taskToken": token, "output": answer.to_string() });
        match engine.try_call("SendTaskSuccess", sending).await {
            Ok(_) => {
                report(screen, &arguments.id, &request, &answer, now);
                return Ok(());
            }
            Err(error) if is_late(&error) && looks < LOOKS => {
                looks += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(late(&arguments.id, error)),
        }
    }
}

async fn read(dynamodb: &Client, table: &str, id: &str) -> Result<Request, Failure> {
    let key = format!("approval#{id}");
    let request = json!({ "TableName": table, "Key": { "pk": { "S": key } }, "ConsistentRead": true });
    let answer = dynamodb.call("GetItem", request).await?;
    let item = answer.get("Item").and_then(Json::as_object).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("there is no request for approval '{id}' in table {table}"))
            .remedy("look at the id in the notification, or at `stepwright list --status running`")
    })?;
    Ok(Request::of(&Item(item)))
}

impl Request {
    fn of(item: &Item<'_>) -> Self {
        Self {
            token: item.text("taskToken").map(str::to_owned),
            status: item.text("status").unwrap_or("PENDING").to_owned(),
            requested_by: requester(item),
            tier: item.number("tier"),
            expires_at: item.number("expiresAt"),
            question: item.text("question").unwrap_or_default().to_owned(),
        }
    }

    /// The token to answer with, where `approver` may answer `decision` at `now` (milliseconds since 1970).
    fn permit(&self, decision: Decision, approver: &str, now: i64) -> Result<&str, Failure> {
        let forbidden = |message: String| Failure::new(Exit::Forbidden, message);
        if self.status != "PENDING" {
            return Err(forbidden(format!("status: the request has been answered already: {}", self.status)));
        }
        if let Some(expired) = self.expires_at.filter(|at| at.saturating_mul(1000) <= now) {
            let message = format!("expiresAt: the request expired at {}", instant(expired.saturating_mul(1000)));
            return Err(forbidden(message)
                .remedy("no answer in time is a no; start the workflow again where it is still needed"));
        }
        // An unknown tier is treated as the strictest.
        let strict = self.tier.is_none_or(|tier| tier <= 0);
        if decision == Decision::Approved && strict && self.requested_by == approver {
            let message = format!("requestedBy: {approver} asked for this; on tier 0 somebody else must approve");
            return Err(forbidden(message).remedy("let another person answer with --as USER"));
        }
        self.token.as_deref().ok_or_else(|| {
            forbidden("taskToken: the request holds no token, so nothing waits for its answer".to_owned())
        })
    }
}

/// Who asked: `{"type": ..., "id": ...}`, as a map, as JSON text, or as a bare name.
fn requester(item: &Item<'_>) -> String {
    if let Some(id) = item.map("requestedBy").and_then(|by| by.text("id").map(str::to_owned)) {
        return id;
    }
    let text = item.text("requestedBy").unwrap_or_default();
    let parsed = serde_json::from_str::<Json>(text).ok();
    parsed.as_ref().and_then(|by| by.get("id")?.as_str()).unwrap_or(text).to_owned()
}

/// The engine has the last word on whether anybody still waits with a token.
fn is_late(error: &CallError) -> bool {
    let codes = ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"];
    matches!(error, CallError::Refused { code, .. } if codes.contains(&code.as_str()))
}

fn late(id: &str, error: CallError) -> Failure {
    if !is_late(&error) {
        return error.into();
    }
    Failure::new(Exit::Forbidden, format!("the request '{id}' waits no longer: it was answered, or has expired"))
        .remedy("`stepwright history ARN` of its execution shows what became of it")
}

fn report(screen: &Screen, id: &str, request: &Request, answer: &Json, now: i64) {
    if screen.is_json() {
        return screen.line(&json!({ "approvalId": id, "answer": answer }).to_string());
    }
    let approved = answer["decision"] == Decision::Approved.name();
    let (word, tone) = if approved { ("approved", Tone::Good) } else { ("denied", Tone::Bad) };
    screen.line(&format!("{} {id} as {}", screen.paint(tone, word), answer["approver"].as_str().unwrap_or_default()));
    if !request.question.is_empty() {
        screen.line(&screen.paint(Tone::Quiet, &request.question));
    }
    if let Some(left) = request.expires_at.map(|at| at.saturating_mul(1000) - now) {
        screen.line(&screen.paint(Tone::Quiet, &format!("it would have expired in {}", duration(left))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn request() -> Request {
        Request {
            token: Some("token".into()),
            status: "PENDING".into(),
            requested_by: "ann".into(),
            tier: Some(0),
            expires_at: Some(NOW / 1000 + 60),
            question: "Scale orders-db?".into(),
        }
    }

    #[test]
    fn another_person_may_approve_in_time() {
        assert_eq!(request().permit(Decision::Approved, "bob", NOW).unwrap(), "token");
    }

    #[test]
    fn on_tier_zero_nobody_approves_his_own_request() {
        let refused = request().permit(Decision::Approved, "ann", NOW).unwrap_err();
        assert_eq!(refused.exit, Exit::Forbidden);
        assert!(refused.message.starts_with("requestedBy: ann asked for this"), "{}", refused.message);
        assert!(Request { tier: None, ..request() }.permit(Decision::Approved, "ann", NOW).is_err(), "unknown: strict");
        assert!(Request { tier: Some(1), ..request() }.permit(Decision::Approved, "ann", NOW).is_ok());
        assert!(request().permit(Decision::Denied, "ann", NOW).is_ok(), "taking it back is always allowed");
    }

    #[test]
    fn expired_and_answered_requests_are_refused() {
        let expired = Request { expires_at: Some(NOW / 1000), ..request() };
        assert!(expired.permit(Decision::Denied, "bob", NOW).unwrap_err().message.starts_with("expiresAt: "));
        for status in ["APPROVED", "DENIED", "EXPIRED", "WITHDRAWN"] {
            let answered = Request { status: status.into(), ..request() };
            assert!(answered.permit(Decision::Approved, "bob", NOW).unwrap_err().message.ends_with(status));
        }
        assert!(Request { token: None, ..request() }.permit(Decision::Approved, "bob", NOW).is_err());
    }

    #[test]
    fn the_requester_is_found_in_every_form() {
        for by in [
            json!({"S": "{\"type\":\"human\",\"id\":\"ann\"}"}),
            json!({"M": {"id": {"S": "ann"}, "type": {"S": "human"}}}),
            json!({"S": "ann"}),
        ] {
            let item = json!({ "requestedBy": by, "tier": {"N": "1"}, "expiresAt": {"N": "5"} });
            let request = Request::of(&Item(item.as_object().unwrap()));
            assert_eq!((&*request.requested_by, request.tier, request.expires_at), ("ann", Some(1), Some(5)));
        }
    }

    #[test]
    fn a_token_of_yesterday_is_told_as_such() {
        let refused = CallError::Refused { code: "TaskTimedOut".into(), message: "x".into() };
        assert_eq!(late("a", refused).exit, Exit::Forbidden);
        let refused = CallError::Refused { code: "InvalidOutput".into(), message: "x".into() };
        assert_eq!(late("a", refused).exit, Exit::Refused);
    }
}

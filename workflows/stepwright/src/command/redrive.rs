//! `stepwright redrive`: starts again what ended in the dead-letter queue, or lets one execution go on where it failed.
//!
//! A message is deleted only after its execution has started, and an execution is named after its message, so that a
//! command that dies in between does no harm when it is run again. Whether the action is still right is for the
//! workflow to say: it starts from the original event and checks its preconditions again.

use serde_json::{Value as Json, json};

use crate::client::{AwsOptions, CallError, Client, EngineOptions};
use crate::failure::{Exit, Failure};
use crate::follow;
use crate::item::Item;
use crate::screen::{Cell, Screen, Tone};

/// Redrives of one fingerprint, at most; then a person must look.
const MOST: i64 = 3;
/// Messages of one ReceiveMessage: SQS's own limit.
const BATCH: u32 = 10;
/// Rounds of receiving: what is beyond waits for the next call.
const ROUNDS: usize = 100;

/// Starts again the workflows in the dead-letter queue; with --execution, lets one go on where it failed.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this message.
    message_id: Option<String>,
    /// Not from the queue: lets this execution, which failed, timed out or was stopped, go on where it stood, and shows
    /// what happens until it ends; exits 1 where it does not succeed.
    #[arg(long, value_name = "ARN", conflicts_with_all = ["message_id", "dry_run", "queue_url"])]
    execution: Option<String>,
    /// Shows what would be done, and does nothing.
    #[arg(long)]
    dry_run: bool,
    /// The dead-letter queue.
    #[arg(long, value_name = "URL", env = "DEAD_LETTER_QUEUE_URL")]
    queue_url: Option<String>,
    /// Seconds for which a received message stays hidden from others: the time a redrive has.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=43_200))]
    visibility: u32,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    aws: AwsOptions,
}

/// What a dead-letter message holds.
#[derive(Clone, Debug, PartialEq)]
struct Letter {
    id: String,
    receipt: String,
    machine: String,
    input: Json,
    execution: String,
    fingerprint: String,
    redrivable: bool,
    error: String,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Started(String),
    WouldStart,
    Kept(String),
}

pub(crate) async fn run(screen: &Screen, arguments: &Arguments) -> Result<(), Failure> {
    if let Some(arn) = &arguments.execution {
        return go_on(screen, &arguments.engine.client()?, arn).await;
    }
    let redrive = Redrive {
        queue: arguments.queue_url.clone().unwrap_or_else(|| arguments.aws.queue_url("ops-dead-letters")),
        sqs: arguments.aws.client("sqs")?,
        dynamodb: arguments.aws.client("dynamodb")?,
        engine: arguments.engine.client()?,
        table: arguments.aws.state_table.clone(),
        dry_run: arguments.dry_run,
        visibility: if arguments.dry_run { 1 } else { arguments.visibility },
    };
    let mut outcomes = Vec::new();
    for (message_id, letter) in redrive.receive(arguments.message_id.as_deref()).await? {
        let outcome = match &letter {
            Ok(letter) => redrive.take(letter).await?,
            Err(reason) => Fate::Kept(reason.clone()),
        };
        outcomes.push((message_id, letter.ok(), outcome));
    }
    report(screen, &outcomes);
    verdict(arguments, &outcomes)
}

/// Redrives an execution and follows it.
async fn go_on(screen: &Screen, client: &Client, arn: &str) -> Result<(), Failure> {
    client.call("RedriveExecution", json!({ "executionArn": arn })).await?;
    if !screen.is_json() {
        screen.line(&format!("{} {arn}", screen.paint(Tone::Good, "redriven")));
    }
    follow::until_end(screen, client, arn).await
}

/// What a redrive works with.
struct Redrive {
    queue: String,
    sqs: Client,
    dynamodb: Client,
    engine: Client,
    table: String,
    dry_run: bool,
    visibility: u32,
}

type Received = (String, Result<Letter, String>);

impl Redrive {
    /// Every message of the queue, or the one asked for.
    async fn receive(&self, wanted: Option<&str>) -> Result<Vec<Received>, Failure> {
        let mut received: Vec<Received> = Vec::new();
        for _ in 0..ROUNDS {
            let request = json!({
                "QueueUrl": self.queue,
                "MaxNumberOfMessages": BATCH,
                "VisibilityTimeout": self.visibility,
                "WaitTimeSeconds": 0,
            });
            let answer = self.sqs.call("ReceiveMessage", request).await?;
            let messages = answer.get("Messages").and_then(Json::as_array).cloned().unwrap_or_default();
            let fresh: Vec<Received> = messages
                .iter()
                .map(read)
                .filter(|(id, _)| wanted.is_none_or(|wanted| wanted == id))
                .filter(|(id, _)| received.iter().all(|(known, _)| known != id))
                .collect();
            let nothing_new = fresh.is_empty();
            received.extend(fresh);
            if messages.is_empty() || (wanted.is_some() && !received.is_empty()) || (wanted.is_none() && nothing_new) {
                break;
            }
        }
        Ok(received)
    }

    async fn take(&self, letter: &Letter) -> Result<Fate, Failure> {
        if !letter.redrivable {
            return Ok(Fate::Kept("redrivable: the message says that it must not be redriven".to_owned()));
        }
        let (count, last) = self.counted(letter).await?;
        let again = last.as_deref() == Some(&*letter.id);
        if count >= MOST && !again {
            return Ok(Fate::Kept(beyond(letter)));
        }
        if self.dry_run {
            return Ok(Fate::WouldStart);
        }
        if !again && !self.count(letter).await? {
            return Ok(Fate::Kept(beyond(letter)));
        }
        let started = self.start(letter).await?;
        let request = json!({ "QueueUrl": self.queue, "ReceiptHandle": letter.receipt });
        self.sqs.call("DeleteMessage", request).await?;
        Ok(Fate::Started(started))
    }

    fn key(letter: &Letter) -> Json {
        json!({ "pk": { "S": format!("redrive#{}", letter.fingerprint) } })
    }

    /// Redrives of this fingerprint so far, and the message of the last.
    async fn counted(&self, letter: &Letter) -> Result<(i64, Option<String>), Failure> {
        let request = json!({ "TableName": self.table, "Key": Self::key(letter), "ConsistentRead": true });
        let answer = self.dynamodb.call("GetItem", request).await?;
        let item = answer.get("Item").and_then(Json::as_object).map(Item);
        Ok(item.map_or((0, None), |item| {
            (item.number("count").unwrap_or_default(), item.text("messageId").map(str::to_owned))
        }))
    }

    /// Counts this redrive; false where somebody else has just used up the last.
    async fn count(&self, letter: &Letter) -> Result<bool, Failure> {
        let request = json!({
            "TableName": self.table,
            "Key": Self::key(letter),
            "UpdateExpression": "SET #messageId = :messageId ADD #count :one",
            "ConditionExpression": "attribute_not_exists(#count) OR #count < :most",
            "ExpressionAttributeNames": { "#count": "count", "#messageId": "messageId" },
            "ExpressionAttributeValues": {
                ":one": { "N": "1" },
                ":most": { "N": MOST.to_string() },
                ":messageId": { "S": letter.id },
            },
        });
        match self.dynamodb.try_call("UpdateItem", request).await {
            Ok(_) => Ok(true),
            Err(CallError::Refused { code, .. }) if code == "ConditionalCheckFailedException" => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The ARN of the execution that was started; one that an earlier redrive of this message started counts.
    async fn start(&self, letter: &Letter) -> Result<String, Failure> {
        let mut input = letter.input.clone();
        input["redriveOf"] = letter.execution.as_str().into();
        let name = execution_name(&letter.id);
        let request = json!({ "stateMachineArn": letter.machine, "name": name, "input": input.to_string() });
        match self.engine.try_call("StartExecution", request).await {
            Ok(started) => Ok(started.get("executionArn").and_then(Json::as_str).unwrap_or_default().to_owned()),
            Err(CallError::Refused { code, .. }) if code == "ExecutionAlreadyExists" => {
                Ok(format!("{}:{name}", letter.machine.replacen(":stateMachine:", ":execution:", 1)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn beyond(letter: &Letter) -> String {
    format!("fingerprint: {} was redriven {MOST} times already; a person must look", letter.fingerprint)
}

/// A name that the same message always gets.
fn execution_name(message_id: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    format!("redrive-{}", message_id.chars().take(64).map(safe).collect::<String>())
}

/// A message's id, and what it holds or why it cannot be used.
fn read(message: &Json) -> Received {
    let text = |key: &str| message.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let id = text("MessageId");
    let letter = letter(&id, &text("ReceiptHandle"), &text("Body"));
    (id, letter)
}

fn letter(id: &str, receipt: &str, body: &str) -> Result<Letter, String> {
    let body: Json = serde_json::from_str(body).map_err(|error| format!("the message is not JSON: {error}"))?;
    let text = |key: &'static str| {
        body.get(key).and_then(Json::as_str).map(str::to_owned).ok_or_else(|| format!("{key}: the message has none"))
    };
    let input = body.get("input").filter(|input| input.is_object()).cloned();
    let execution = text("executionArn")?;
    Ok(Letter {
        id: id.to_owned(),
        receipt: receipt.to_owned(),
        machine: machine_of(&execution).ok_or_else(|| format!("executionArn: '{execution}' is no execution's ARN"))?,
        input: input.ok_or_else(|| "input: the message has no event to start again from".to_owned())?,
        fingerprint: text("fingerprint")?,
        redrivable: body.get("redrivable").and_then(Json::as_bool).unwrap_or(false),
        error: text("Error").unwrap_or_default(),
        execution,
    })
}

/// The state machine of an execution: `arn:aws:states:R:A:execution:NAME:ID`.
fn machine_of(execution: &str) -> Option<String> {
    let parts: Vec<&str> = execution.split(':').collect();
    let [arn, partition, "states", region, account, "execution", name, _] = parts[..] else { return None };
    Some([arn, partition, "states", region, account, "stateMachine", name].join(":"))
}

type Outcome = (String, Option<Letter>, Fate);

fn report(screen: &Screen, outcomes: &[Outcome]) {
    if screen.is_json() {
        let messages: Vec<Json> = outcomes.iter().map(document).collect();
        return screen.line(&json!({ "messages": messages }).to_string());
    }
    if outcomes.is_empty() {
        return screen.line("no messages to redrive");
    }
    let rows: Vec<Vec<Cell>> = outcomes.iter().map(row).collect();
    // ARNs are for copying: they are never cut.
    let wide = Screen { width: usize::from(u16::MAX), ..*screen };
    screen.line(&wide.table(&["MESSAGE", "ERROR", "RESULT", "DETAIL"], &rows));
}

fn document((id, letter, outcome): &Outcome) -> Json {
    let (result, detail) = words(outcome);
    json!({
        "messageId": id,
        "executionArn": letter.as_ref().map(|letter| &letter.execution),
        "fingerprint": letter.as_ref().map(|letter| &letter.fingerprint),
        "result": result,
        "detail": detail,
    })
}

fn row((id, letter, outcome): &Outcome) -> Vec<Cell> {
    let (result, detail) = words(outcome);
    let tone = match outcome {
        Fate::Started(_) => Tone::Good,
        Fate::WouldStart => Tone::Busy,
        Fate::Kept(_) => Tone::Bad,
    };
    let error = letter.as_ref().map_or("", |letter| &letter.error);
    vec![Cell::plain(id), Cell::plain(error), Cell::toned(result, tone), Cell::plain(detail)]
}

fn words(outcome: &Fate) -> (&'static str, &str) {
    match outcome {
        Fate::Started(arn) => ("started", arn),
        Fate::WouldStart => ("would start", "nothing was done: --dry-run"),
        Fate::Kept(reason) => ("kept", reason),
    }
}

fn verdict(arguments: &Arguments, outcomes: &[Outcome]) -> Result<(), Failure> {
    if let Some(wanted) = arguments.message_id.as_deref().filter(|_| outcomes.is_empty()) {
        return Err(Failure::new(Exit::Refused, format!("MESSAGE_ID: the queue shows no message {wanted}"))
            .remedy("another redrive may hold it; it shows again when its visibility time-out is over"));
    }
    let kept = outcomes.iter().filter(|(.., outcome)| matches!(outcome, Fate::Kept(_))).count();
    if kept == 0 {
        return Ok(());
    }
    Err(Failure::new(Exit::Forbidden, format!("{kept} of {} messages stay in the queue", outcomes.len())))
}

#[cfg(test)]
mod tests;

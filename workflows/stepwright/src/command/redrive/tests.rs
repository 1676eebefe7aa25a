use std::net::{Ipv4Addr, SocketAddr};

use api::{Options, Server};
use engine::{Clock, Config, Engine, NewStateMachine, aws};
use sandbox::Sandbox;

use super::*;
use crate::screen::Format;

const BODY: &str = r#"{"workflow":"incident-remediation","input":{"action":"scale_up"},
    "executionArn":"arn:aws:states:us-east-1:123456789012:execution:incident-remediation:e1",
    "Error":"Ops.CircuitOpen","fingerprint":"f00","redrivable":true}"#;

#[test]
fn a_letter_is_read() {
    let letter = letter("m-1", "r-1", BODY).unwrap();
    assert_eq!(letter.machine, "arn:aws:states:us-east-1:123456789012:stateMachine:incident-remediation");
    assert_eq!(letter.input["action"], "scale_up");
    assert!(letter.redrivable);
    assert_eq!(letter.error, "Ops.CircuitOpen");
}

#[test]
fn a_letter_that_cannot_be_used_names_its_field() {
    for (body, wanted) in [
        ("nope", "the message is not JSON"),
        ("{}", "executionArn: the message has none"),
        (r#"{"executionArn":"x"}"#, "executionArn: 'x' is no execution's ARN"),
        (&BODY.replace("input", "output"), "input: the message has no event"),
        (&BODY.replace("fingerprint", "finger"), "fingerprint: the message has none"),
    ] {
        let reason = letter("m", "r", body).unwrap_err();
        assert!(reason.starts_with(wanted), "{reason}");
    }
    assert!(!letter("m", "r", &BODY.replace("true", "\"yes\"")).unwrap().redrivable, "only true is true");
}

#[test]
fn one_message_always_gives_one_name() {
    assert_eq!(execution_name("a1b2-c3"), "redrive-a1b2-c3");
    let name = execution_name(&"x/ y".repeat(40));
    assert!(name.len() <= 80 && name.starts_with("redrive-x--yx--y"), "{name}");
}

#[test]
fn what_stays_behind_is_told_by_the_exit_code() {
    let arguments = |id: Option<&str>| {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            arguments: Arguments,
        }
        Line::parse_from(["redrive"].into_iter().chain(id)).arguments
    };
    let kept = ("m".to_owned(), None, Fate::Kept("why".to_owned()));
    assert_eq!(verdict(&arguments(None), &[kept]).unwrap_err().exit, Exit::Forbidden);
    assert_eq!(verdict(&arguments(Some("m")), &[]).unwrap_err().exit, Exit::Refused);
    assert!(verdict(&arguments(None), &[]).is_ok());
}

/// A sandbox, and an engine with one workflow, `m`.
struct World {
    sandbox: Sandbox,
    engine: Engine,
    server: Server,
}

const ACCOUNT: &str = "123456789012";
const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;

impl World {
    async fn start() -> Self {
        let listen: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        let sandbox = Sandbox::start(sandbox::Config { listen, ..sandbox::Config::default() }).await.unwrap();
        let engine = Engine::open(Config {
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
            data_dir: None,
            aws: aws::Endpoint::Url(sandbox.url()),
            lambda_endpoint: None,
            events_endpoint: None,
            clock: Clock::system(),
            limits: execution::Limits::default(),
            names: engine::Names::default(),
            quotas: engine::Quotas::default(),
            signers: engine::aws::Signers::default(),
        })
        .await
        .unwrap();
        let machine = NewStateMachine {
            name: "m".to_owned(),
            definition: PASS.to_owned(),
            role_arn: format!("arn:aws:iam::{ACCOUNT}:role/r"),
            ..NewStateMachine::default()
        };
        engine.create_state_machine(machine).await.unwrap();
        let server = Server::start(engine.clone(), Options::on(listen)).await.unwrap();
        Self { sandbox, engine, server }
    }

    fn redrive(&self, dry_run: bool) -> Redrive {
        let aws = AwsOptions {
            aws_endpoint_url: self.sandbox.url(),
            state_table: "ops-state".to_owned(),
            account: ACCOUNT.to_owned(),
            aws_region: "us-east-1".to_owned(),
        };
        let engine =
            EngineOptions { endpoint_url: format!("http://{}", self.server.address()), region: "us-east-1".to_owned() };
        Redrive {
            queue: aws.queue_url("ops-dead-letters"),
            sqs: aws.client("sqs").unwrap(),
            dynamodb: aws.client("dynamodb").unwrap(),
            engine: engine.client().unwrap(),
            table: aws.state_table.clone(),
            dry_run,
            visibility: 60,
        }
    }

    /// Puts a letter of the workflow `m` into the queue and takes it out again.
    async fn letter(&self, redrive: &Redrive) -> Letter {
        let body = BODY.replace("incident-remediation:e1", "m:e1");
        let request = json!({ "QueueUrl": redrive.queue, "MessageBody": body });
        redrive.sqs.call("SendMessage", request).await.unwrap();
        let mut received = redrive.receive(None).await.unwrap();
        assert_eq!(received.len(), 1);
        received.remove(0).1.unwrap()
    }

    fn executions(&self) -> usize {
        self.engine.list_executions(None, None).unwrap().len()
    }

    async fn stop(self) {
        self.server.stop().await;
        self.engine.shutdown().await;
        self.sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn a_letter_is_started_again_and_then_deleted() {
    let world = World::start().await;
    let redrive = world.redrive(false);
    let letter = world.letter(&redrive).await;
    let arn = match redrive.take(&letter).await.unwrap() {
        Fate::Started(arn) => arn,
        other => panic!("{other:?}"),
    };
    let input = world.engine.describe_execution(&arn).unwrap().input.unwrap();
    let input = Json::from(&input);
    assert_eq!((&input["action"], &input["redriveOf"]), (&json!("scale_up"), &json!(letter.execution)));
    let deleted = world.sandbox.calls().iter().any(|call| format!("{call:?}").contains("DeleteMessage"));
    assert!(deleted, "the message is deleted after the start");
    world.stop().await;
}

#[tokio::test]
async fn a_dry_run_does_nothing() {
    let world = World::start().await;
    let redrive = world.redrive(true);
    let letter = world.letter(&redrive).await;
    assert_eq!(redrive.take(&letter).await.unwrap(), Fate::WouldStart);
    assert_eq!(redrive.counted(&letter).await.unwrap(), (0, None));
    assert_eq!(world.executions(), 0);
    world.stop().await;
}

#[tokio::test]
async fn the_fourth_of_a_fingerprint_stays_for_a_person() {
    let world = World::start().await;
    let redrive = world.redrive(false);
    let letter = world.letter(&redrive).await;
    for number in 1..=3 {
        let letter = Letter { id: format!("m-{number}"), ..letter.clone() };
        assert!(matches!(redrive.take(&letter).await.unwrap(), Fate::Started(_)), "redrive {number}");
    }
    let fourth = Letter { id: "m-4".to_owned(), ..letter.clone() };
    assert!(matches!(redrive.take(&fourth).await.unwrap(), Fate::Kept(reason) if reason.starts_with("fingerprint: ")));
    assert!(!redrive.count(&fourth).await.unwrap(), "the table refuses it too");
    assert_eq!(world.executions(), 3);
    world.stop().await;
}

#[tokio::test]
async fn a_redrive_that_died_before_deleting_is_taken_up_again_without_a_second_execution() {
    let world = World::start().await;
    let redrive = world.redrive(false);
    let letter = world.letter(&redrive).await;
    let first = redrive.take(&letter).await.unwrap();
    assert_eq!(redrive.take(&letter).await.unwrap(), first);
    assert_eq!(redrive.counted(&letter).await.unwrap(), (1, Some(letter.id.clone())));
    assert_eq!(world.executions(), 1);
    world.stop().await;
}

#[tokio::test]
async fn what_must_not_be_redriven_is_kept() {
    let world = World::start().await;
    let redrive = world.redrive(false);
    let letter = Letter { redrivable: false, ..world.letter(&redrive).await };
    assert!(matches!(redrive.take(&letter).await.unwrap(), Fate::Kept(reason) if reason.starts_with("redrivable: ")));
    assert_eq!(world.executions(), 0);
    world.stop().await;
}

#[test]
fn the_report_says_what_became_of_each_message() {
    let outcomes = [
        ("m-1".to_owned(), letter("m-1", "r", BODY).ok(), Fate::Started("arn:e".to_owned())),
        ("m-2".to_owned(), None, Fate::Kept("the message is not JSON".to_owned())),
    ];
    let screen = Screen { format: Format::Text, colour: false, width: 80 };
    let rows: Vec<Vec<Cell>> = outcomes.iter().map(row).collect();
    insta::assert_snapshot!(screen.table(&["MESSAGE", "ERROR", "RESULT", "DETAIL"], &rows), @r"
    MESSAGE  ERROR            RESULT   DETAIL
    m-1      Ops.CircuitOpen  started  arn:e
    m-2                       kept     the message is not JSON
    ");
}

//! How fast executions run: `cargo bench -p engine`. Compare the ratios within one run, not the figures of two machines.

use std::path::Path;
use std::time::{Duration, Instant};

use asl::Value;
use engine::{Clock, Config, Engine, NewStateMachine, aws};
use execution::{Limits, Status};
use tempfile::TempDir;

type Failure = Box<dyn std::error::Error>;

const ORIGIN: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

/// How much is run.
struct Size {
    executions: usize,
    waits: usize,
    items: [usize; 2],
    pages: usize,
}

const FULL: Size = Size { executions: 2_000, waits: 2_000, items: [1_000, 10_000], pages: 100 };
/// Enough to show that it works.
const SMALL: Size = Size { executions: 64, waits: 10, items: [2, 20], pages: 2 };

fn main() -> Result<(), Failure> {
    // Cargo says so where it measures; where it tests, it does not.
    let size = if std::env::args().any(|argument| argument == "--bench") { FULL } else { SMALL };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        chains(&size).await?;
        waits(&size).await?;
        maps(&size).await
    })
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time, here alone")]
fn now() -> Instant {
    Instant::now()
}

fn rate(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

async fn open(folder: Option<&Path>, clock: &Clock) -> Result<Engine, Failure> {
    let config = Config {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        data_dir: folder.map(Path::to_path_buf),
        aws: aws::Endpoint::Url("http://127.0.0.1:1".to_owned()),
        lambda_endpoint: None,
        events_endpoint: None,
        clock: clock.clone(),
        // A Map of 10,000 items is longer than the history that AWS allows.
        limits: Limits { history_events: 1_000_000, ..Limits::default() },
        names: engine::Names::default(),
        quotas: engine::Quotas::default(),
        signers: engine::aws::Signers::default(),
    };
    Ok(Engine::open(config).await?)
}

/// Creates the machine `definition`; answers its ARN.
async fn create(engine: &Engine, name: &str, definition: String) -> Result<String, Failure> {
    let role_arn = "arn:aws:iam::123456789012:role/bench".to_owned();
    let new = NewStateMachine { name: name.to_owned(), definition, role_arn, ..NewStateMachine::default() };
    Ok(engine.create_state_machine(new).await?.machine.arn.to_string())
}

/// Runs one execution to its end.
async fn run(engine: &Engine, machine: &str, input: Value) -> Result<(), Failure> {
    let started = engine.start_execution(machine, None, input).await?;
    let ended = engine.ended(&started.arn).await?;
    if ended.status == Status::Succeeded { Ok(()) } else { Err(format!("an execution failed: {ended:?}").into()) }
}

/// Ten Pass states in a row.
fn chain() -> String {
    let state = |number: u32| match number {
        10 => r#""S10":{"Type":"Pass","End":true}"#.to_owned(),
        _ => format!(r#""S{number}":{{"Type":"Pass","Next":"S{}"}}"#, number + 1),
    };
    let states = (1..=10).map(state).collect::<Vec<_>>().join(",");
    format!(r#"{{"StartAt":"S1","States":{{{states}}}}}"#)
}

async fn chains(size: &Size) -> Result<(), Failure> {
    println!("executions of ten Pass states, from StartExecution to the end");
    let mut rates = Vec::new();
    for durable in [false, true] {
        let folder = TempDir::new()?;
        let engine = open(durable.then(|| folder.path()), &Clock::system()).await?;
        let machine = create(&engine, "chain", chain()).await?;
        for clients in [1, 64] {
            let count = if durable && clients == 1 { size.executions / 4 } else { size.executions };
            let rate = clients_at(&engine, &machine, clients, count).await?;
            println!("  {:9} {clients:2} clients {rate:9.0} executions/s", place(durable));
            rates.push(rate);
        }
        engine.shutdown().await;
    }
    if let [alone, many, durable_alone, durable_many] = rates[..] {
        println!(
            "  durable / in memory: {:.2} with 1 client, {:.2} with 64",
            durable_alone / alone,
            durable_many / many
        );
        println!("  64 clients / 1: {:.1} in memory, {:.1} durable", many / alone, durable_many / durable_alone);
    }
    Ok(())
}

/// Executions per second with `clients` callers, each waiting for one end before the next start.
async fn clients_at(engine: &Engine, machine: &str, clients: usize, count: usize) -> Result<f64, Failure> {
    let each = count.div_ceil(clients);
    let begin = now();
    let client = |_| async {
        for _ in 0..each {
            run(engine, machine, Value::Null).await?;
        }
        Ok::<_, Failure>(())
    };
    futures::future::try_join_all((0..clients).map(client)).await?;
    Ok(rate(each * clients, begin.elapsed()))
}

const fn place(durable: bool) -> &'static str {
    if durable { "durable" } else { "in memory" }
}

/// Many executions that wait for the same moment; where they are durable, through a restart.
async fn waits(size: &Size) -> Result<(), Failure> {
    println!("{} executions that wait for one moment", size.waits);
    let definition = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}"#;
    for durable in [false, true] {
        let (folder, clock) = (TempDir::new()?, Clock::manual(ORIGIN));
        let mut engine = open(durable.then(|| folder.path()), &clock).await?;
        let machine = create(&engine, "wait", definition.to_owned()).await?;
        let starts = (0..size.waits).map(|_| engine.start_execution(&machine, None, Value::Null));
        let started = futures::future::try_join_all(starts).await?;
        if durable {
            engine.shutdown().await;
            drop(engine);
            let begin = now();
            engine = open(Some(folder.path()), &clock).await?;
            println!("  {:9} reopened at {:9.0} executions/s", place(durable), rate(size.waits, begin.elapsed()));
        }
        let begin = now();
        clock.advance(HOUR);
        futures::future::try_join_all(started.iter().map(|started| engine.ended(&started.arn))).await?;
        println!("  {:9} resumed at  {:9.0} executions/s", place(durable), rate(size.waits, begin.elapsed()));
        engine.shutdown().await;
    }
    Ok(())
}

/// An inline Map over the input: a plain one, and one whose items and outputs are expressions.
fn map(jsonata: bool) -> String {
    let (language, selector, output) = if jsonata {
        (
            r#""QueryLanguage":"JSONata","#,
            r#","ItemSelector":{"value":"{% $states.context.Map.Item.Value + 1 %}"}"#,
            r#","Output":"{% $states.input.value %}""#,
        )
    } else {
        ("", "", "")
    };
    format!(
        r#"{{{language}"StartAt":"M","States":{{"M":{{"Type":"Map","End":true{selector},"ItemProcessor":{{
            "StartAt":"P","States":{{"P":{{"Type":"Pass"{output},"End":true}}}}}}}}}}}}"#
    )
}

async fn maps(size: &Size) -> Result<(), Failure> {
    for (jsonata, name) in [(false, "plain"), (true, "with JSONata")] {
        let engine = open(None, &Clock::system()).await?;
        let machine = create(&engine, "map", map(jsonata)).await?;
        println!("inline Map, {name}");
        let mut per_item = Vec::new();
        for items in size.items {
            let input = Value::array((0..items).map(Value::from).collect());
            let begin = now();
            run(&engine, &machine, input).await?;
            let rate = rate(items, begin.elapsed());
            println!("  {items:6} items {rate:9.0} items/s");
            per_item.push(1.0 / rate);
        }
        println!(
            "  time per item, {} / {}: {:.2} (1 is linear)",
            size.items[1],
            size.items[0],
            per_item[1] / per_item[0]
        );
        read(&engine, size)?;
        engine.shutdown().await;
    }
    Ok(())
}

/// Reads the longest history as often as somebody who pages through it.
fn read(engine: &Engine, size: &Size) -> Result<(), Failure> {
    let listed = engine.list_executions(None, None)?;
    let arn = listed.first().map(|execution| execution.arn.clone()).ok_or("nothing has run")?;
    let begin = now();
    let events = engine.history(&arn)?.len();
    let first = begin.elapsed();
    let begin = now();
    for _ in 0..size.pages {
        engine.history(&arn)?;
    }
    let again = begin.elapsed();
    println!("  history of {events} events: {first:.1?} at first, {again:.1?} for {} more readings", size.pages);
    Ok(())
}

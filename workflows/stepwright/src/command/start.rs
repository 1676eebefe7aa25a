//! `stepwright start`: starts an execution, and follows it where asked.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::client::{EngineOptions, find_machine};
use crate::failure::Failure;
use crate::follow;
use crate::screen::{Screen, Tone};

/// Starts an execution of a state machine.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The state machine: its name or its ARN.
    machine: String,
    /// A file with the input as JSON, or - for standard input. Without it the input is {}.
    #[arg(long, value_name = "FILE|-")]
    input: Option<PathBuf>,
    /// The execution's name; the same name and input again answer the same execution while it runs.
    #[arg(long)]
    name: Option<String>,
    /// Shows what happens until the execution ends; exits 1 where it does not succeed.
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    engine: EngineOptions,
}

pub(crate) async fn run(screen: &Screen, arguments: &Arguments) -> Result<(), Failure> {
    let input = arguments.input.as_deref().map_or_else(|| Ok("{}".to_owned()), read_input)?;
    let client = arguments.engine.client()?;
    let machine = find_machine(&client, &arguments.machine).await?;
    let mut request = json!({ "stateMachineArn": machine, "input": input });
    if let Some(name) = &arguments.name {
        request["name"] = name.as_str().into();
    }
    let started = client.call("StartExecution", request).await?;
    let arn = started.get("executionArn").and_then(Json::as_str).unwrap_or_default();
    let express = is_express(arn);
    if !arguments.follow || express {
        if screen.is_json() {
            screen.line(&started.to_string());
        } else {
            screen.line(&format!("{} {arn}", screen.paint(Tone::Good, "started")));
            let next = if express {
                "an EXPRESS execution keeps no history".to_owned()
            } else {
                format!("`stepwright history {arn}` shows how it goes")
            };
            screen.line(&screen.paint(Tone::Quiet, &next));
        }
        return if arguments.follow { Err(not_followed()) } else { Ok(()) };
    }
    if !screen.is_json() {
        screen.line(&format!("{} {arn}", screen.paint(Tone::Good, "started")));
    }
    follow::until_end(screen, &client, arn).await
}

/// Whether an ARN is one of an EXPRESS execution.
fn is_express(arn: &str) -> bool {
    arn.split(':').nth(5) == Some("express")
}

fn not_followed() -> Failure {
    Failure::usage("--follow: the execution was started, but an EXPRESS execution cannot be followed")
        .remedy("leave --follow away; StartSyncExecution of the API answers when the execution has ended")
}

/// The input's text, which must be JSON.
fn read_input(file: &Path) -> Result<String, Failure> {
    let shown = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(|error| {
        Failure::usage(format!("--input: {shown} cannot be read: {error}"))
            .remedy("give a file with JSON, or - for standard input")
    })?;
    match serde_json::from_str::<Json>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::usage(format!("--input: {shown} is not JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_followed_is_told_by_its_arn() {
        assert!(is_express("arn:aws:states:us-east-1:123456789012:express:m:e:0"));
        assert!(!is_express("arn:aws:states:us-east-1:123456789012:execution:express:e"));
        assert!(not_followed().message.starts_with("--follow: "));
    }

    #[test]
    fn a_bad_input_names_the_option_and_the_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("input.json");
        std::fs::write(&file, "{\"a\": }").unwrap();
        let message = read_input(&file).unwrap_err().message;
        assert!(message.starts_with("--input: ") && message.contains("line 1 column 7"), "{message}");
        assert!(read_input(Path::new("/nowhere")).unwrap_err().message.contains("cannot be read"));
        std::fs::write(&file, " [1] ").unwrap();
        assert_eq!(read_input(&file).unwrap(), " [1] ");
    }
}

//! What the server says when it is ready: a line per endpoint for people, one JSON line for programs.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::workers::Workers;
use super::world::{World, reachable};
use super::{Arguments, AwsEndpoint};
use crate::definitions::Deployed;
use crate::screen::{Screen, Tone};
use crate::stack::Stack;

/// What runs beside the server, where it does.
pub(super) struct Beside<'a> {
    pub(super) workers: Option<&'a Workers>,
    /// Where `GET /metrics` is answered.
    pub(super) metrics: Option<SocketAddr>,
}

/// Says it.
pub(super) fn announce(
    screen: &Screen,
    arguments: &Arguments,
    world: &World,
    api: SocketAddr,
    stack: &Stack,
    deployed: &[Deployed],
    beside: Beside<'_>,
) {
    let Beside { workers, metrics } = beside;
    let facts = Facts {
        api: format!("{}://{}", world.protection.scheme(), reachable(api)),
        lambda: world.lambda_url(),
        aws: world.aws_url(),
        sandbox: world.sandbox_url(),
        scale: world.clock.scale(),
        origin: world.clock.origin(),
        skipped: world.skipped_file().map(ToOwned::to_owned),
        workers: workers.map(|workers| workers.names.clone()).unwrap_or_default(),
        metrics: metrics.map(|metrics| format!("http://{}/metrics", reachable(metrics))),
        missing: workers.map(|workers| workers.missing.clone()).unwrap_or_default(),
    };
    if screen.is_json() {
        screen.line(&facts.document(arguments, stack, deployed).to_string());
    } else {
        screen.line(&facts.text(screen, arguments, stack, deployed));
    }
}

/// What came out when everything was started.
struct Facts {
    api: String,
    lambda: Option<String>,
    aws: Option<String>,
    sandbox: Option<String>,
    scale: f64,
    origin: i64,
    /// The file with the time that has been skipped, where any may be.
    skipped: Option<PathBuf>,
    workers: Vec<String>,
    /// Where Prometheus reads, where it may.
    metrics: Option<String>,
    missing: Vec<String>,
}

impl Facts {
    fn document(&self, arguments: &Arguments, stack: &Stack, deployed: &[Deployed]) -> Json {
        let mut document = json!({
            "ready": true,
            "stepFunctions": self.api,
            "lambda": self.lambda,
            "aws": self.aws,
            "sandbox": self.sandbox,
            "account": arguments.account,
            "region": arguments.region,
            "dataDir": arguments.data_dir,
            "timeScale": self.scale,
            "timeOrigin": self.origin,
            "stateMachines": deployed,
            "functions": stack.functions.keys().collect::<Vec<_>>(),
            "activities": stack.activities,
            "workers": self.workers,
        });
        if let Some(skipped) = &self.skipped {
            document["timeSkippedFile"] = json!(skipped);
        }
        if let Some(metrics) = &self.metrics {
            document["metrics"] = json!(metrics);
        }
        document
    }

    fn text(&self, screen: &Screen, arguments: &Arguments, stack: &Stack, deployed: &[Deployed]) -> String {
        let kept = match &arguments.data_dir {
            Some(folder) => format!("state in {}", folder.display()),
            None => "state in memory: gone when the server stops (--data-dir DIR keeps it)".to_owned(),
        };
        let mut lines = vec![line(screen, "Step Functions", &self.api, &kept)];
        if let Some(lambda) = &self.lambda {
            let functions = stack.functions.len();
            let note = format!("{functions} functions of the stack; takes others (CreateFunction)");
            lines.push(line(screen, "Lambda", lambda, &note));
        }
        lines.push(match (&arguments.aws_endpoint, &self.sandbox, &self.aws) {
            (_, Some(sandbox), _) => line(
                screen,
                "Sandbox",
                sandbox,
                &format!("a simulated AWS account, for trying and testing; seed {}", arguments.sandbox_seed),
            ),
            (AwsEndpoint::Url(_), _, Some(url)) => line(screen, "AWS", url, "service integrations go there"),
            _ => line(screen, "AWS", "aws", "service integrations go to AWS itself"),
        });
        if (self.scale - 1.0).abs() > f64::EPSILON {
            let note = "virtual seconds per real second: waits, time-outs, retries and the sandbox";
            lines.push(line(screen, "Time", &format!("× {}", self.scale), note));
        }
        if let Some(skipped) = &self.skipped {
            let note = "milliseconds that were skipped, for OPS_TIME_SKIPPED_FILE";
            lines.push(line(screen, "Skipped time", &skipped.display().to_string(), note));
        }
        if let Some(metrics) = &self.metrics {
            lines.push(line(screen, "Metrics", metrics, "for Prometheus"));
        }
        if !deployed.is_empty() {
            let names: Vec<&str> = deployed.iter().map(|machine| &*machine.name).collect();
            lines.push(line(screen, "State machines", &names.join(", "), ""));
        }
        if !self.workers.is_empty() {
            lines.push(line(screen, "Workers", &self.workers.join(", "), ""));
        }
        for name in &self.missing {
            let remedy = format!("not built, its tasks wait: cargo build -p {name}, then start again");
            lines.push(line(screen, "Worker", name, &remedy));
        }
        lines.push(screen.paint(Tone::Good, "ready"));
        lines.join("\n")
    }
}

fn line(screen: &Screen, what: &str, place: &str, note: &str) -> String {
    let head = screen.paint(Tone::Strong, &format!("{what:<15}"));
    format!("{head} {place}  {}", screen.paint(Tone::Quiet, note)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::definitions::Change;
    use crate::screen::Format;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn facts() -> Facts {
        Facts {
            api: "http://127.0.0.1:8083".into(),
            lambda: Some("http://127.0.0.1:8084".into()),
            aws: Some("http://127.0.0.1:8085".into()),
            sandbox: Some("http://127.0.0.1:8085".into()),
            scale: 60.0,
            origin: 5,
            skipped: None,
            workers: vec!["watcher".into()],
            metrics: None,
            missing: vec!["digger".into()],
        }
    }

    fn deployed() -> [Deployed; 1] {
        [Deployed { name: "m".into(), arn: "arn:m".into(), change: Change::Created }]
    }

    #[test]
    fn people_see_a_line_for_each_endpoint() {
        let screen = Screen { format: Format::Text, colour: false, width: 100 };
        let arguments = Line::parse_from(["serve"]).arguments;
        insta::assert_snapshot!(facts().text(&screen, &arguments, &Stack::default(), &deployed()));
    }

    #[test]
    fn programs_see_one_document() {
        let arguments = Line::parse_from(["serve", "--data-dir", "d"]).arguments;
        let document = facts().document(&arguments, &Stack::default(), &deployed());
        assert!(!document.to_string().contains('\n'));
        insta::assert_json_snapshot!(document);
    }

    #[test]
    fn whoever_shares_the_time_is_told_of_what_is_skipped() {
        let screen = Screen { format: Format::Text, colour: false, width: 100 };
        let arguments = Line::parse_from(["serve", "--skip-idle"]).arguments;
        let facts = Facts { skipped: Some("/d/time-skipped".into()), ..facts() };
        assert_eq!(facts.document(&arguments, &Stack::default(), &[])["timeSkippedFile"], "/d/time-skipped");
        let text = facts.text(&screen, &arguments, &Stack::default(), &[]);
        assert!(text.contains("Skipped time    /d/time-skipped  milliseconds"), "{text}");
    }
}

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::*;

fn parse(line: &str) -> Result<Line, clap::Error> {
    Line::try_parse_from(line.split_whitespace())
}

#[test]
fn the_command_line_is_sound() {
    Line::command().debug_assert();
}

#[test]
fn every_command_parses() {
    for line in [
        "stepwright serve",
        "stepwright serve --port 0 --listen 0.0.0.0 --data-dir d --definitions s --stack f --account 000000000000",
        "stepwright serve --region eu-west-1 --aws-endpoint sandbox --sandbox-seed 7 --time-scale 60 --time-origin 5",
        "stepwright serve --aws-endpoint aws --lambda-binary b --lambda-port 0",
        "stepwright serve --aws-endpoint http://127.0.0.1:9000 --output json",
        "stepwright --output json start incident-remediation --input - --name x --follow",
        "stepwright list --status timed-out --machine m --limit 5",
        "stepwright list --status FAILED",
        "stepwright history arn --endpoint-url http://x",
        "stepwright stop arn --error E --cause C",
        "stepwright approve id --as ann --comment fine",
        "stepwright deny id --as ann",
        "stepwright validate a b --errors-only",
        "stepwright test",
        "stepwright test a b --stack f --filter m/Case --no-explore --full-coverage --output json",
        "stepwright redrive --dry-run",
        "stepwright redrive m-1 --queue-url q",
        "stepwright redrive --execution arn",
        "stepwright backup f --endpoint-url http://x",
        "stepwright backup f --data-dir d",
        "stepwright restore f --data-dir d",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
}

#[test]
fn wrong_lines_are_refused_with_the_options_name() {
    for (line, kind, named) in [
        ("stepwright serve --port 70000", ErrorKind::ValueValidation, "--port"),
        ("stepwright serve --account 12", ErrorKind::ValueValidation, "--account"),
        ("stepwright serve --aws-endpoint moon", ErrorKind::ValueValidation, "--aws-endpoint"),
        ("stepwright serve --time-scale 0", ErrorKind::ValueValidation, "--time-scale"),
        ("stepwright list --status late", ErrorKind::InvalidValue, "--status"),
        ("stepwright start", ErrorKind::MissingRequiredArgument, "MACHINE"),
        ("stepwright validate", ErrorKind::MissingRequiredArgument, "PATH"),
        ("stepwright --output yaml list", ErrorKind::InvalidValue, "--output"),
        ("stepwright redrive m-1 --execution arn", ErrorKind::ArgumentConflict, "--execution"),
        ("stepwright fly", ErrorKind::InvalidSubcommand, "fly"),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.kind(), kind, "{line}");
        assert!(error.to_string().contains(named), "{line}: {error}");
        assert_eq!(error.exit_code(), Exit::Usage as i32, "{line}");
    }
}

#[test]
fn help_names_every_exit_code() {
    let help = Line::command().render_long_help().to_string();
    for exit in [Exit::Failed, Exit::Usage, Exit::Unreachable, Exit::Refused, Exit::Forbidden] {
        assert!(help.contains(&format!("\n  {}  ", exit as u8)), "{exit:?}");
    }
}

//! Programs of this machine that install or run clients.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Longest run of a tool: a native part that is built on a busy machine takes minutes.
const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);
/// Lines of a failed tool's output that its error shows.
const SHOWN_LINES: usize = 12;

/// A program with its arguments.
#[derive(Debug)]
pub(super) struct Tool {
    command: Command,
    text: String,
}

impl Tool {
    pub(super) fn new<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = A>) -> Self {
        let mut text = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new(program);
        for argument in arguments {
            text.push(' ');
            text.push_str(&argument.as_ref().to_string_lossy());
            command.arg(argument);
        }
        Self { command, text }
    }

    pub(super) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end. The answer is what it printed on its standard output.
    ///
    /// # Errors
    /// What went wrong, with the end of what it printed.
    pub(super) async fn run(mut self) -> Result<String, String> {
        self.command.stdin(Stdio::null()).kill_on_drop(true);
        let output = match tokio::time::timeout(LONGEST_RUN, self.command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(format!("`{}` does not start: {error}", self.text)),
            Err(_) => return Err(format!("`{}` was not over after {} s", self.text, LONGEST_RUN.as_secs())),
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let printed = [output.stdout, output.stderr].concat();
        Err(format!("`{}` failed ({}): {}", self.text, output.status, end_of(&String::from_utf8_lossy(&printed))))
    }
}

fn end_of(printed: &str) -> String {
    let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_shows_the_tool_and_the_end_of_its_output() {
        assert_eq!(Tool::new("sh", ["-c", "echo $WORD"]).variable("WORD", "yes").run().await.unwrap(), "yes\n");
        let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; echo why >&2; exit 3";
        let failure = Tool::new("sh", ["-c", script]).run().await.unwrap_err();
        assert!(failure.starts_with("`sh -c ") && failure.contains("failed (exit status: 3): line 2\n"), "{failure}");
        assert!(failure.ends_with("line 12\nwhy"), "{failure}");
        let failure = Tool::new("no-such-program", ["x"]).run().await.unwrap_err();
        assert!(failure.starts_with("`no-such-program x` does not start: "), "{failure}");
    }
}

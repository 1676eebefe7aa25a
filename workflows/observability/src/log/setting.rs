//! `loggingConfiguration`: what of an execution is logged, and where to.

use asl::{StateType, Value};
use execution::{Event, EventKind};

/// Which events are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    All,
    Error,
    Fatal,
}

impl Level {
    /// Whether events of this kind are logged, by AWS's table of log levels: at FATAL the bad ends of executions, at
    /// ERROR besides them whatever failed, timed out or was aborted, and entering a Fail state.
    pub(crate) const fn logs(self, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::Error => is_error(&event.kind),
            Self::Fatal => is_fatal(&event.kind),
        }
    }
}

const fn is_fatal(kind: &EventKind) -> bool {
    matches!(kind, EventKind::ExecutionFailed(_) | EventKind::ExecutionTimedOut(_) | EventKind::ExecutionAborted(_))
}

const fn is_error(kind: &EventKind) -> bool {
    is_fatal(kind)
        || matches!(
            kind,
            EventKind::StateEntered { state_type: StateType::Fail, .. }
                | EventKind::StateAborted { .. }
                | EventKind::TaskFailed { .. }
                | EventKind::TaskTimedOut { .. }
                | EventKind::ParallelStateFailed
                | EventKind::MapIterationFailed { .. }
                | EventKind::MapIterationAborted { .. }
                | EventKind::MapStateFailed
                | EventKind::MapRunFailed(_)
                | EventKind::MapRunAborted
                | EventKind::EvaluationFailed { .. }
        )
}

/// A state machine's logging, where it has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting<'a> {
    pub(crate) level: Level,
    /// Whether inputs, outputs and parameters are logged.
    pub(crate) with_data: bool,
    /// The log group's name.
    pub(crate) group: &'a str,
}

impl<'a> Setting<'a> {
    /// What a `loggingConfiguration` asks for; `None` where it is OFF or has no log group.
    pub(crate) fn of(logging: &'a Value) -> Option<Self> {
        let level = match logging.get("level").and_then(Value::as_str)? {
            "ALL" => Level::All,
            "ERROR" => Level::Error,
            "FATAL" => Level::Fatal,
            _ => return None,
        };
        let Some(Value::Array(destinations)) = logging.get("destinations") else { return None };
        let group = destinations.first()?.get("cloudWatchLogsLogGroup")?.get("logGroupArn")?.as_str()?;
        let name = group.splitn(7, ':').nth(6)?;
        let group = name.strip_suffix(":*").unwrap_or(name);
        let with_data = logging.get("includeExecutionData").and_then(Value::as_bool).unwrap_or(false);
        Some(Self { level, with_data, group })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_log_group_is_named_by_its_arn() {
        let logging = sample::observed().logging.unwrap();
        let setting = Setting::of(&logging).unwrap();
        assert_eq!(setting, Setting { level: Level::All, with_data: true, group: "/aws/vendedlogs/states/m" });
    }

    #[test]
    fn off_and_nowhere_log_nothing() {
        for text in [r#"{"level":"OFF"}"#, r#"{"level":"ALL"}"#, r#"{"level":"ALL","destinations":[]}"#, "{}"] {
            assert_eq!(Setting::of(&Value::parse(text).unwrap()), None, "{text}");
        }
    }

    #[test]
    fn levels_hold_what_aws_s_table_holds() {
        let fail = EventKind::StateEntered { state_type: StateType::Fail, name: "F".into(), input: Value::Null };
        let pass = EventKind::StateEntered { state_type: StateType::Pass, name: "P".into(), input: Value::Null };
        let cases = [
            (sample::started().kind, [true, false, false]),
            (pass, [true, false, false]),
            (fail, [true, true, false]),
            (EventKind::MapIterationAborted { name: "M".into(), index: 0 }, [true, true, false]),
            (EventKind::ExecutionAborted(execution::Failure::default()), [true, true, true]),
        ];
        for (kind, expected) in cases {
            let event = sample::event(1, 0, kind);
            assert_eq!([Level::All, Level::Error, Level::Fatal].map(|level| level.logs(&event)), expected, "{event:?}");
        }
    }
}

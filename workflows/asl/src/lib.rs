//! The Amazon States Language: JSON text in, a typed [`Definition`] and every [`Diagnostic`] out.
//!
//! Nothing here reads a clock, a file or a socket, and parsing never stops at the first problem.
//!
//! ```
//! let parsed = asl::parse(r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}"#);
//! let found: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
//! assert_eq!(found[0], "MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next");
//! assert!(parsed.definition.is_none());
//! ```

mod coverage;
mod definition;
mod diagnostic;
mod document;
mod express;
mod fields;
mod format;
mod graph;
mod http_task;
mod lint;
mod machine;
mod parse;
mod spelling;
mod state;
mod transition;
mod value;
mod variable;
mod visit;

pub use coverage::{Point, coverage_points};
pub use definition::{
    Catcher, Choice, ChoiceRule, Condition, DataFlow, Definition, ExecutionType, Fail, Iterations, Jitter, Kind,
    Machine, Map, NumberField, Operand, Operator, Parallel, Pass, PathField, ProcessorMode, QueryLanguage, Recovery,
    Retrier, State, StateType, Task, TextField, Transition, Until, Wait,
};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use express::check_express;
pub use format::format;
pub use http_task::is_refused_header;
pub use parse::{LONE_STATE, Parsed, parse, parse_state};
pub use spelling::Spelling;
pub use value::{Object, Value};
pub use visit::Visited;

//! The typed form of a state machine definition, in the words of the States Language specification.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::Value;

/// The language of a state's expressions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryLanguage {
    /// Reference paths, payload templates and intrinsic functions: the default.
    #[default]
    JsonPath,
    /// `{% ... %}` expressions.
    Jsonata,
}

impl QueryLanguage {
    /// The name as the specification spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JsonPath => "JSONPath",
            Self::Jsonata => "JSONata",
        }
    }
}

/// A whole state machine definition.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The top-level `Comment`.
    pub comment: Option<Arc<str>>,
    /// Default for every state that names no language of its own.
    pub query_language: QueryLanguage,
    /// Seconds that an execution may last, 0 to 99,999,999; absent means no limit.
    pub timeout_seconds: Option<u64>,
    /// The top-level states.
    pub machine: Machine,
}

/// What the top level, a Parallel branch and an item processor have in common.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Name of the first state.
    pub start_at: Arc<str>,
    /// The states by name, in the order of the text.
    pub states: IndexMap<Arc<str>, State>,
}

/// One state: what all types share, and what its type adds.
#[derive(Clone, Debug)]
pub struct State {
    /// The state's `Comment`.
    pub comment: Option<Arc<str>>,
    /// The language of this state's own expressions (its children follow the definition's).
    pub query_language: QueryLanguage,
    /// What happens to data on the way in and out.
    pub flow: DataFlow,
    /// The state's type with the fields of that type.
    pub kind: Kind,
}

/// The eight state types.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Work done by somebody else: a Lambda, an activity worker, a service.
    Task(Task),
    /// Passes or shapes data.
    Pass(Pass),
    /// Branches on conditions.
    Choice(Choice),
    /// Waits for a time.
    Wait(Wait),
    /// Ends the machine well.
    Succeed,
    /// Ends the execution badly.
    Fail(Fail),
    /// Runs branches at once.
    Parallel(Parallel),
    /// Runs one machine for each item.
    Map(Map),
}

/// The name of a state type, as it stands in `Type` and in history events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[expect(missing_docs, reason = "the names of the eight types are the documentation")]
pub enum StateType {
    Task,
    Pass,
    Choice,
    Wait,
    Succeed,
    Fail,
    Parallel,
    Map,
}

impl StateType {
    /// The name as the specification spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Task => "Task",
            Self::Pass => "Pass",
            Self::Choice => "Choice",
            Self::Wait => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail => "Fail",
            Self::Parallel => "Parallel",
            Self::Map => "Map",
        }
    }
}

impl Kind {
    /// The type of this state.
    #[must_use]
    pub const fn state_type(&self) -> StateType {
        match self {
            Self::Task(_) => StateType::Task,
            Self::Pass(_) => StateType::Pass,
            Self::Choice(_) => StateType::Choice,
            Self::Wait(_) => StateType::Wait,
            Self::Succeed => StateType::Succeed,
            Self::Fail(_) => StateType::Fail,
            Self::Parallel(_) => StateType::Parallel,
            Self::Map(_) => StateType::Map,
        }
    }

    /// `Next` or `End`, where the type has one of its own (Choice, Succeed and Fail have none).
    #[must_use]
    pub const fn transition(&self) -> Option<&Transition> {
        match self {
            Self::Task(task) => Some(&task.transition),
            Self::Pass(pass) => Some(&pass.transition),
            Self::Wait(wait) => Some(&wait.transition),
            Self::Parallel(parallel) => Some(&parallel.transition),
            Self::Map(map) => Some(&map.transition),
            Self::Choice(_) | Self::Succeed | Self::Fail(_) => None,
        }
    }

    /// `Retry` and `Catch`, where the type may have them.
    #[must_use]
    pub const fn recovery(&self) -> Option<&Recovery> {
        match self {
            Self::Task(task) => Some(&task.recovery),
            Self::Parallel(parallel) => Some(&parallel.recovery),
            Self::Map(map) => Some(&map.recovery),
            _ => None,
        }
    }

    /// The machines inside this state: branches, or the item processor.
    #[must_use]
    pub fn machines(&self) -> &[Machine] {
        match self {
            Self::Parallel(parallel) => &parallel.branches,
            Self::Map(map) => std::slice::from_ref(&map.machine),
            _ => &[],
        }
    }
}

/// Where a state goes after it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// To the state of this name.
    Next(Arc<str>),
    /// Nowhere: its machine is done.
    End,
}

/// A field that holds a path: JSONPath's `InputPath`, `OutputPath` and `ResultPath`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PathField {
    /// Absent: the whole document, `$`.
    #[default]
    Whole,
    /// `null`: nothing (`{}` for InputPath and OutputPath; ResultPath discards the result).
    Nothing,
    /// A path.
    Path(Arc<str>),
}

/// Data flow fields. A field that the state's type or language does not have is absent.
#[derive(Clone, Debug, Default)]
pub struct DataFlow {
    /// JSONPath: selects the state's effective input.
    pub input_path: PathField,
    /// JSONPath: selects the output.
    pub output_path: PathField,
    /// JSONPath: where the result goes in the raw input.
    pub result_path: PathField,
    /// JSONPath: payload template of a Task, Pass or Parallel (a Map's old `Parameters` is its `item_selector`).
    pub parameters: Option<Value>,
    /// JSONPath: payload template over the raw result.
    pub result_selector: Option<Value>,
    /// JSONata: what a Task or Parallel is given.
    pub arguments: Option<Value>,
    /// JSONata: what the state gives.
    pub output: Option<Value>,
    /// Variables assigned when the state succeeds: an object, a template of the state's language.
    pub assign: Option<Value>,
}

/// A whole number given literally, by a JSONPath reference (`...Path`) or by a JSONata expression.
#[derive(Clone, Debug, PartialEq)]
pub enum NumberField {
    /// The number itself; the unit is the field's.
    Literal(u64),
    /// A reference path to the number.
    Path(Arc<str>),
    /// A whole `{% ... %}` string.
    Expression(Arc<str>),
}

/// A text given literally, by a JSONPath path or intrinsic (`...Path`), or by a JSONata expression.
#[derive(Clone, Debug, PartialEq)]
pub enum TextField {
    /// The text itself.
    Literal(Arc<str>),
    /// A path or an intrinsic function call.
    Path(Arc<str>),
    /// A whole `{% ... %}` string.
    Expression(Arc<str>),
}

/// Fields of a Task state.
#[derive(Clone, Debug)]
pub struct Task {
    /// ARN of the activity, Lambda function or service integration.
    pub resource: Arc<str>,
    /// Seconds one attempt may last, 1 to 99,999,999; absent means 99,999,999.
    pub timeout_seconds: Option<NumberField>,
    /// Seconds between heartbeats, smaller than the timeout.
    pub heartbeat_seconds: Option<NumberField>,
    /// `Credentials`: `{"RoleArn": ...}`, literal or template.
    pub credentials: Option<Value>,
    /// Retry and Catch.
    pub recovery: Recovery,
    /// Next or End.
    pub transition: Transition,
}

/// Fields of a Pass state.
#[derive(Clone, Debug)]
pub struct Pass {
    /// JSONPath: a literal result.
    pub result: Option<Value>,
    /// Next or End.
    pub transition: Transition,
}

/// Fields of a Choice state.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The rules, first match first.
    pub rules: Vec<ChoiceRule>,
    /// Where to go when no rule matches; absent means `States.NoChoiceMatched`.
    pub default: Option<Arc<str>>,
}

/// One rule of a Choice state.
#[derive(Clone, Debug)]
pub struct ChoiceRule {
    /// When the rule matches.
    pub condition: Condition,
    /// Where it leads.
    pub next: Arc<str>,
    /// Variables assigned when it matches.
    pub assign: Option<Value>,
    /// JSONata: the state's output when it matches.
    pub output: Option<Value>,
}

/// When a choice rule matches.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// JSONata: a `{% ... %}` string or a literal boolean.
    Expression(Value),
    /// JSONPath: all of them.
    And(Vec<Condition>),
    /// JSONPath: any of them.
    Or(Vec<Condition>),
    /// JSONPath: not this one.
    Not(Box<Condition>),
    /// JSONPath: one comparison.
    Compare {
        /// `Variable`: the path to the left-hand side.
        variable: Arc<str>,
        /// The comparison.
        operator: Operator,
        /// The right-hand side.
        operand: Operand,
    },
}

/// Right-hand side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A literal.
    Literal(Value),
    /// A path: the operator's `...Path` form.
    Path(Arc<str>),
}

/// The comparisons of a Choice rule. With the `...Path` forms of the first twenty-one there are 39 operators;
/// `StringMatches` and the `Is...` tests have no such form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the specification's")]
pub enum Operator {
    StringEquals,
    StringLessThan,
    StringGreaterThan,
    StringLessThanEquals,
    StringGreaterThanEquals,
    NumericEquals,
    NumericLessThan,
    NumericGreaterThan,
    NumericLessThanEquals,
    NumericGreaterThanEquals,
    BooleanEquals,
    TimestampEquals,
    TimestampLessThan,
    TimestampGreaterThan,
    TimestampLessThanEquals,
    TimestampGreaterThanEquals,
    StringMatches,
    IsNull,
    IsPresent,
    IsNumeric,
    IsString,
    IsBoolean,
    IsTimestamp,
}

/// Fields of a Wait state.
#[derive(Clone, Debug)]
pub struct Wait {
    /// How long, or until when.
    pub until: Until,
    /// Next or End.
    pub transition: Transition,
}

/// How long a Wait state waits.
#[derive(Clone, Debug, PartialEq)]
pub enum Until {
    /// Seconds from entering the state, 0 to 99,999,999.
    Seconds(NumberField),
    /// An RFC 3339 instant.
    Timestamp(TextField),
}

/// Fields of a Fail state.
#[derive(Clone, Debug)]
pub struct Fail {
    /// The error name.
    pub error: Option<TextField>,
    /// The cause for people.
    pub cause: Option<TextField>,
}

/// Fields of a Parallel state.
#[derive(Clone, Debug)]
pub struct Parallel {
    /// The branches, in order.
    pub branches: Vec<Machine>,
    /// Retry and Catch.
    pub recovery: Recovery,
    /// Next or End.
    pub transition: Transition,
}

/// Fields of a Map state.
#[derive(Clone, Debug)]
pub struct Map {
    /// Which items.
    pub iterations: Iterations,
    /// Payload template (JSONPath) or JSONata template that makes each iteration's input.
    pub item_selector: Option<Value>,
    /// Iterations at once; absent or 0 means no limit of the definition's own.
    pub max_concurrency: Option<NumberField>,
    /// Inline or distributed.
    pub mode: ProcessorMode,
    /// Distributed: the type of the child executions.
    pub execution_type: ExecutionType,
    /// The states run for each item.
    pub machine: Machine,
    /// Distributed: failures tolerated, a count.
    pub tolerated_failure_count: Option<NumberField>,
    /// Distributed: failures tolerated, percent 0 to 100.
    pub tolerated_failure_percentage: Option<NumberField>,
    /// Distributed: `ItemReader`, as written.
    pub item_reader: Option<Value>,
    /// Distributed: `ItemBatcher`, as written.
    pub item_batcher: Option<Value>,
    /// Distributed: `ResultWriter`, as written.
    pub result_writer: Option<Value>,
    /// Distributed: `Label`.
    pub label: Option<Arc<str>>,
    /// Retry and Catch.
    pub recovery: Recovery,
    /// Next or End.
    pub transition: Transition,
}

/// Where a Map state's items come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Iterations {
    /// Absent: the effective input itself.
    Input,
    /// JSONPath: `ItemsPath`.
    Path(Arc<str>),
    /// JSONata: `Items`, an array or a `{% ... %}` string.
    Items(Value),
}

/// How a Map state runs its items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProcessorMode {
    /// Inside the same execution.
    #[default]
    Inline,
    /// As child executions.
    Distributed,
}

/// Type of an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecutionType {
    /// Durable, up to a year.
    #[default]
    Standard,
    /// In memory, up to five minutes.
    Express,
}

/// `Retry` and `Catch` of a state.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Retriers, first match first.
    pub retry: Vec<Retrier>,
    /// Catchers, first match first.
    pub catch: Vec<Catcher>,
}

/// One element of `Retry`.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrier {
    /// `ErrorEquals`.
    pub error_equals: Vec<Arc<str>>,
    /// Seconds before the first retry, at least 1; default 1.
    pub interval_seconds: u64,
    /// Retries, not attempts; 0 never retries; default 3.
    pub max_attempts: u32,
    /// Factor between retries, at least 1.0; default 2.0.
    pub backoff_rate: f64,
    /// Cap of the delay in seconds.
    pub max_delay_seconds: Option<u64>,
    /// Whether the delay is drawn at random.
    pub jitter: Jitter,
}

/// `JitterStrategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// The delay as computed.
    #[default]
    None,
    /// Uniform between 0 and the delay, after the cap.
    Full,
}

/// One element of `Catch`.
#[derive(Clone, Debug)]
pub struct Catcher {
    /// `ErrorEquals`.
    pub error_equals: Vec<Arc<str>>,
    /// Where to go.
    pub next: Arc<str>,
    /// JSONPath: where the error output goes in the raw input.
    pub result_path: PathField,
    /// JSONata: the state's output.
    pub output: Option<Value>,
    /// Variables assigned.
    pub assign: Option<Value>,
}

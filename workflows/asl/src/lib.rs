//! The Amazon States Language: JSON text in, a typed [`Definition`] and every [`Diagnostic`] out.
//!
//! Nothing here reads a clock, a file or a socket, and parsing never stops at the first problem.

mod definition;
mod value;

pub use definition::{
    Catcher, Choice, ChoiceRule, Condition, DataFlow, Definition, ExecutionType, Fail, Iterations, Jitter, Kind,
    Machine, Map, NumberField, Operand, Operator, Parallel, Pass, PathField, ProcessorMode, QueryLanguage, Recovery,
    Retrier, State, StateType, Task, TextField, Transition, Until, Wait,
};
pub use value::{Object, Value};

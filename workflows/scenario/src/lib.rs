//! Scenarios: a state machine's definition run on virtual time against mocked task results.
//!
//! A `scenarios.json` beside the definition has the shape of AWS's mock configuration file, with a few more fields:
//!
//! ```json
//! {"StateMachines": {"restart": {"TestCases": {
//!    "Happy path": {
//!      "Comment": "what this shows",
//!      "Input": {"target": "api"},
//!      "Restart service": "Restarted",
//!      "Expect": {"Status": "SUCCEEDED", "Output": {"done": true}, "Scheduled": {"Restart service": 1}}},
//!    "Throttled": {"Extends": "Happy path", "Restart service": "ThrottledOnce"}}}},
//!  "MockedResponses": {
//!    "Restarted": {"0": {"Return": {"done": true}, "Delay": 4}},
//!    "ThrottledOnce": {"0": {"Throw": {"Error": "Ops.Throttled", "Cause": "slow down"}}, "1-2": {"Return": {"done": true}}}}}
//! ```
//!
//! A case names a mock per Task state; the numbers in a mock count the attempts at that state from 0. `Delay` is in
//! seconds of virtual time; `"NoResponse": true` stands for a task that never answers; `HeartbeatEvery` has an activity
//! or callback report itself alive; `Submitted` is what the service answers before a job or callback ends. `Expect`
//! compares an `Output` by the members it names, looks for `Cause` inside the cause, counts attempts in `Scheduled`,
//! and in `Until` wants states to have been left within so many seconds after the start. A case that `Extends` another
//! takes over its input, items and mocks.
//!
//! The items of a Map in Mode DISTRIBUTED run as executions of their own, on the same virtual time; their tasks count as
//! the execution's own. What an `ItemReader` reads, the case gives: `"ItemReader": {"Each order": [{"id": 1}]}`. A case
//! that names a mock for the Map state itself plays no item: the mock answers for the whole run, `{"0": {"Throw": {"Error":
//! "States.ItemReaderFailed"}}}`. Nothing is written by a `ResultWriter`; its result names the bucket and a key.
//!
//! [`explore`] takes the results of the cases and breaks every task in every way that its Retry and Catch name, and in
//! some that they do not; it reports the paths on which a failure is lost. Beside `TestCases`, `"HandledBy": ["Undo
//! change"]` names states that handle a failure beyond those that tell a person or fill a dead-letter queue, and
//! `"Failures": "caller"` says that Fail states answer an execution that started this one.
//!
//! Nothing here reads a clock, a file or a socket: texts come in, a [`Run`] comes out, the same for the same texts.

mod coverage;
mod expect;
mod explore;
mod fault;
mod history;
mod map_run;
mod mock;
mod run;
mod stack;
mod suite;

pub use coverage::Coverage;
pub use expect::Expect;
pub use explore::{Exploration, Explorer, Finding, explore};
pub use fault::How;
pub use mock::{Mock, Outcome, Response};
pub use run::{Run, run};
pub use stack::{Stack, Unresolved};
pub use suite::{Case, Suite, SuiteError};

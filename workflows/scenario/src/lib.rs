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
//! takes over its input and mocks.
//!
//! Nothing here reads a clock, a file or a socket: texts come in, a [`Run`] comes out, the same for the same texts.

mod coverage;
mod expect;
mod history;
mod mock;
mod run;
mod stack;
mod suite;

pub use coverage::Coverage;
pub use expect::Expect;
pub use mock::{Mock, Outcome, Response};
pub use run::{Run, run};
pub use stack::{Stack, Unresolved};
pub use suite::{Case, Suite, SuiteError};

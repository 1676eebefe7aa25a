//! One execution, sans-IO and event-sourced.
//!
//! [`Execution::step`] decides, [`Execution::apply`] is the only mutation, [`Execution::outstanding`] is derived from
//! the state. Replay is `apply` over the journal, then one [`Input::Advance`]. There is no clock, no randomness and no
//! I/O here: [`Env`] brings the first two, [`Command`] asks for the third.

mod apply;
mod command;
mod context;
mod event;
mod execution;
mod inspection;
mod map_run;
mod random;
mod redrive;
mod size;
mod state;
mod step;

pub use command::{Command, Env, Identity, Input, Limits, MapRunOrder, Stage, Status, TaskId, TaskOrder};
pub use event::{Event, EventKind, Failure, Flavor, FrameId, Millis};
pub use execution::Execution;
pub use inspection::Inspection;
pub use map_run::{Batch, ItemBatcher, ItemShaper, MapItem, MapRun, exceeds_tolerance, tolerance_exceeded};
pub use step::{ItemsRead, Standing, Trial, TrialSetup, Verdict};

//! The functions that CodeDeploy and ECS call at the stages of a deployment. They judge nothing: they start an execution
//! of `deployment-validation`, which does, and see to it that whoever called gets an answer.
//!
//! CodeDeploy is answered by the execution, and by the function itself when there is none. ECS asks its function again
//! and again, which passes the execution's decision on.

mod codedeploy;
mod ecs;
mod executions;

pub use codedeploy::{CodeDeployHook, Hook};
pub use ecs::EcsHook;
pub use executions::{Executions, Started, State, StepFunctions};

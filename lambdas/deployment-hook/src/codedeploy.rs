//! The hooks of CodeDeploy.

use crate::executions::{Executions, Started, StepFunctions, name};
use aws_sdk_codedeploy::error::ProvideErrorMetadata;
use aws_sdk_codedeploy::types::LifecycleEventStatus;
use clients::aws::Patience;
use clients::failure;
use futures::FutureExt;
use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::error::{Class, Kind};
use operations::gate::Stage;
use serde_json::{Value, json};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// How often a call is tried while its failure may pass. Nobody else tries again: CodeDeploy calls a hook once.
const ATTEMPTS: u32 = 3;
/// How much of a function's time is kept for telling CodeDeploy that nothing was started: every attempt at its longest
/// with the pauses between them, and a second for what lies between the calls.
const TELLING: Duration = longest(Patience::BRIEF).saturating_add(Duration::from_secs(1));

/// How long all attempts of a call take at most: the pause after each is as many seconds as there were attempts.
const fn longest(patience: Patience) -> Duration {
    let pauses = Duration::from_secs((ATTEMPTS * (ATTEMPTS - 1) / 2) as u64);
    patience.call.saturating_mul(ATTEMPTS).saturating_add(pauses)
}

/// One of the five hook functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// At `BeforeInstall`.
    ValidateBeforeInstall,
    /// At `AfterInstall`.
    ValidateDeployment,
    /// At `AfterAllowTestTraffic`.
    ValidateTestTraffic,
    /// At `BeforeAllowTraffic`.
    RunMigrations,
    /// At `AfterAllowTraffic`.
    ValidateProduction,
}

impl Hook {
    /// All of them.
    pub const ALL: [Hook; 5] = [
        Hook::ValidateBeforeInstall,
        Hook::ValidateDeployment,
        Hook::ValidateTestTraffic,
        Hook::RunMigrations,
        Hook::ValidateProduction,
    ];

    /// The function's name.
    pub fn name(self) -> &'static str {
        match self {
            Hook::ValidateBeforeInstall => "validate-before-install",
            Hook::ValidateDeployment => "validate-deployment",
            Hook::ValidateTestTraffic => "validate-test-traffic",
            Hook::RunMigrations => "run-migrations",
            Hook::ValidateProduction => "validate-production",
        }
    }

    /// The function of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Hook::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// The stage of the gate that it starts.
    pub fn stage(self) -> Stage {
        match self {
            Hook::ValidateBeforeInstall => Stage::BeforeInstall,
            Hook::ValidateDeployment => Stage::AfterInstall,
            Hook::ValidateTestTraffic => Stage::TestTraffic,
            Hook::RunMigrations => Stage::Migrations,
            Hook::ValidateProduction => Stage::Production,
        }
    }
}

/// A hook function: starts the gate, which tells CodeDeploy how it ended. When the gate cannot be started, for whatever
/// reason, the function tells CodeDeploy itself that the hook failed; else the deployment would hang for an hour.
#[derive(Debug, Clone)]
pub struct CodeDeployHook<E = StepFunctions> {
    hook: Hook,
    services: Services,
    executions: E,
    code_deploy: aws_sdk_codedeploy::Client,
}

impl CodeDeployHook {
    /// The function with its clients.
    pub fn new(hook: Hook, services: Services) -> Self {
        let executions = StepFunctions::new(&services);
        Self::with(hook, services, executions)
    }
}

/// What CodeDeploy calls a hook with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ids {
    deployment: String,
    execution: String,
}

impl Ids {
    fn parse(event: &Value) -> Result<Self, Error> {
        let text = |name: &str| {
            let text = event.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
            let message = format!("{name} is missing: this function is called by CodeDeploy, as a hook of an AppSpec");
            text.ok_or_else(|| Error::new(Kind::InvalidInput, message))
        };
        Ok(Self { deployment: text("DeploymentId")?, execution: text("LifecycleEventHookExecutionId")? })
    }
}

impl<E: Executions> CodeDeployHook<E> {
    /// The function with executions of another kind.
    pub fn with(hook: Hook, services: Services, executions: E) -> Self {
        // There is little time for the last word, so its calls are cut sooner than others.
        let brief = aws_sdk_codedeploy::config::Builder::from(&services.aws).timeout_config(Patience::BRIEF.timeouts());
        let code_deploy = aws_sdk_codedeploy::Client::from_conf(brief.build());
        Self { hook, services, executions, code_deploy }
    }

    async fn begin(&self, ids: &Ids) -> Result<Value, Error> {
        let environment = &self.services.environment;
        let (cluster, service) = (environment.required("ECS_CLUSTER")?, environment.required("ECS_SERVICE")?);
        let input = json!({"stage": self.hook.stage().name(), "target": service, "cluster": cluster,
            "service": service, "deployment": {"kind": "codedeploy", "deploymentId": ids.deployment,
            "hookExecutionId": ids.execution}});
        // The same event has the same name, so that it starts one execution however often it is delivered.
        let name = name(&format!("{}-{}", ids.deployment, self.hook.name()));
        let started = self.again(|| self.executions.start(&name, &input)).await?;
        Ok(json!({"execution": name, "started": started == Started::Now}))
    }

    /// Tells CodeDeploy that the hook failed, and says in the error whether that went well.
    async fn told(&self, ids: &Ids, error: Error) -> Error {
        tracing::error!(error = error.name(), cause = error.message(), "the gate was not started");
        match self.again(|| self.tell_failed(ids)).await {
            Ok(()) => error.during("the gate was not started, and CodeDeploy was told that the hook failed"),
            Err(untold) => {
                let message = format!(
                    "the gate was not started: {}; nor could CodeDeploy be told ({}): stop the deployment",
                    error.message(),
                    untold.message()
                );
                Error::new(error.kind(), message)
            }
        }
    }

    async fn tell_failed(&self, ids: &Ids) -> Result<(), Error> {
        let request = self
            .code_deploy
            .put_lifecycle_event_hook_execution_status()
            .deployment_id(&ids.deployment)
            .lifecycle_event_hook_execution_id(&ids.execution)
            .status(LifecycleEventStatus::Failed);
        match request.send().await {
            Ok(_) => Ok(()),
            // Somebody was faster; CodeDeploy knows.
            Err(error) if error.code() == Some("LifecycleEventAlreadyCompletedException") => Ok(()),
            Err(error) => {
                let call = format!("codedeploy:PutLifecycleEventHookExecutionStatus of {}", ids.deployment);
                Err(failure::of_sdk(&call, &error))
            }
        }
    }

    async fn again<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut attempt = 1;
        loop {
            match call().await {
                Err(error) if error.class() == Class::Transient && attempt < ATTEMPTS => {
                    self.services.clock.sleep(Duration::from_secs(attempt.into())).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }
}

impl<E: Executions> Function for CodeDeployHook<E> {
    async fn call(&self, event: Value, invocation: Invocation) -> Result<Value, Error> {
        let ids = Ids::parse(&event)?;
        let left = invocation.left();
        // A function with little time halves it.
        let patience = left.saturating_sub(TELLING).max(left / 2);
        let begun = AssertUnwindSafe(tokio::time::timeout(patience, self.begin(&ids))).catch_unwind().await;
        let error = match begun {
            Ok(Ok(Ok(answer))) => return Ok(answer),
            Ok(Ok(Err(error))) => error,
            Ok(Err(_)) => Error::new(Kind::DependencyTimeout, "Step Functions did not answer in time"),
            Err(_) => Error::new(Kind::ConfigInvalid, "the function panicked: see its log"),
        };
        Err(self.told(&ids, error).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_has_its_name_and_stage() {
        for hook in Hook::ALL {
            assert_eq!(Hook::from_name(hook.name()), Some(hook));
        }
        assert_eq!(Hook::from_name("validate"), None);
        assert_eq!(Hook::RunMigrations.stage(), Stage::Migrations);
    }

    /// The time-out of the hook functions, as `infra/local/stack.json` has it.
    const FUNCTION: Duration = Duration::from_secs(30);

    #[test]
    fn three_attempts_to_start_and_three_to_tell_fit_into_the_function() {
        assert_eq!(ATTEMPTS, 3);
        assert!(TELLING > Patience::BRIEF.call * 3 + Duration::from_secs(1 + 2), "{TELLING:?}");
        // The third attempt to start may be cut, but not before an answer had its time to begin.
        let third = FUNCTION - TELLING - Patience::SHORT.call * 2 - Duration::from_secs(1 + 2);
        assert!(third >= Patience::SHORT.read, "{third:?}");
    }

    #[test]
    fn an_event_without_an_id_is_named() {
        let error = Ids::parse(&json!({"DeploymentId": "d-1"})).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidInput);
        assert!(error.message().starts_with("LifecycleEventHookExecutionId is missing"), "{error}");
    }
}

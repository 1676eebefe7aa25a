//! The one Lambda binary: `_HANDLER` names the function it is.
//!
//! One binary is built and shipped once, and starts as fast as one per function; IAM, memory and time-out stay per
//! function.

use auto_scaling_optimizer::AutoScalingOptimizer;
use cost_optimization_analyzer::CostOptimizationAnalyzer;
use deployment_act::Act;
use deployment_assess::DeploymentAssess;
use deployment_hook::{CodeDeployHook, EcsHook, Hook};
use incident_assess::Assess;
use incident_clear_cache::ClearCache;
use incident_notify_human::NotifyHuman;
use incident_restart_service::RestartService;
use incident_scale_up::ScaleUp;
use lambda_kit::{Environment, Error, Kind, Services, logging, run, runtime};
use performance_analyzer::PerformanceAnalyzer;
use std::process::ExitCode;

/// The functions, by the names under which they are deployed.
const FUNCTIONS: [&str; 16] = [
    "incident-assess",
    "incident-restart-service",
    "incident-scale-up",
    "incident-clear-cache",
    "incident-notify-human",
    "deployment-assess",
    "deployment-act",
    "validate-before-install",
    "validate-deployment",
    "validate-test-traffic",
    "run-migrations",
    "validate-production",
    "ecs-deployment-hook",
    "performance-analyzer",
    "auto-scaling-optimizer",
    "cost-optimization-analyzer",
];

/// Variables of every Lambda environment without which the Runtime API client would panic.
const NEEDED: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

// One invocation at a time needs no second thread, and starts faster without.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let environment = Environment::of_process();
    logging::start(&environment);
    let Err(error) = serve(environment.clone()).await else { return ExitCode::SUCCESS };
    eprintln!("{}: {error}", error.name());
    runtime::report_init_failure(&environment, &error).await;
    ExitCode::FAILURE
}

async fn serve(environment: Environment) -> Result<(), Error> {
    let handler = chosen(&environment)?;
    let services = Services::of(environment).await?;
    // Boxed: each loop is a deep type, and their union would be deeper still.
    let served = match handler {
        "incident-assess" => Box::pin(run(handler, Assess::new(services))).await,
        "incident-restart-service" => Box::pin(run(handler, RestartService::new(services))).await,
        "incident-scale-up" => Box::pin(run(handler, ScaleUp::new(services))).await,
        "incident-clear-cache" => Box::pin(run(handler, ClearCache::new(services))).await,
        "incident-notify-human" => Box::pin(run(handler, NotifyHuman::new(services))).await,
        "deployment-assess" => Box::pin(run(handler, DeploymentAssess::new(services))).await,
        "deployment-act" => Box::pin(run(handler, Act::new(services))).await,
        "auto-scaling-optimizer" => Box::pin(run(handler, AutoScalingOptimizer::new(services))).await,
        "ecs-deployment-hook" => Box::pin(run(handler, EcsHook::new(services))).await,
        "performance-analyzer" => Box::pin(run(handler, PerformanceAnalyzer::new(services))).await,
        "cost-optimization-analyzer" => Box::pin(run(handler, CostOptimizationAnalyzer::new(services))).await,
        other => match Hook::from_name(other) {
            Some(hook) => Box::pin(run(handler, CodeDeployHook::new(hook, services))).await,
            None => return Err(Error::new(Kind::ConfigInvalid, format!("{other} is listed but not built in"))),
        },
    };
    served.map_err(|error| Error::new(Kind::DependencyUnavailable, format!("the Lambda Runtime API failed: {error}")))
}

/// The function that `_HANDLER` names.
fn chosen(environment: &Environment) -> Result<&'static str, Error> {
    let known = FUNCTIONS.join(", ");
    let wanted = environment.get("_HANDLER").unwrap_or_default();
    let Some(handler) = FUNCTIONS.into_iter().find(|name| *name == wanted) else {
        let message = format!("_HANDLER is {wanted:?}: set it to one of {known}");
        return Err(Error::new(Kind::ConfigInvalid, message));
    };
    for name in NEEDED {
        environment.required(name).map_err(|error| error.during("this is no Lambda environment"))?;
    }
    Ok(handler)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_handler_is_refused_with_the_known_ones() {
        for environment in [Environment::default(), Environment::of([("_HANDLER", "bootstrap.main")])] {
            let error = chosen(&environment).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigInvalid);
            assert!(error.message().contains("incident-assess, incident-restart-service"), "{error}");
        }
    }

    #[test]
    fn every_hook_of_codedeploy_is_listed() {
        for hook in Hook::ALL {
            assert!(FUNCTIONS.contains(&hook.name()), "{}", hook.name());
        }
    }

    #[test]
    fn a_missing_lambda_variable_is_named() {
        let error = chosen(&Environment::of([("_HANDLER", "incident-assess")])).unwrap_err();
        assert!(error.message().contains("AWS_LAMBDA_RUNTIME_API is not set"), "{error}");
    }
}

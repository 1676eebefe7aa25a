//! Lifecycle hooks: Lambda functions that are called until they are done, and pauses that wait for somebody.

use serde_json::{Map, Value, json};

use super::{Configuration, ServiceDeployment, Stage, Strategy, merged};
use crate::wire::node::rfc3339;
use crate::world::outbox::{Command, Purpose as For, Reply};
use crate::world::{MINUTE_MS, World};

/// How long ECS waits before it calls a hook in progress again unless the hook says otherwise, seconds.
const CALL_BACK_SECONDS: f64 = 30.0;
/// How long a hook may take unless it is configured, minutes.
const TIMEOUT_MINUTES: i64 = 1_440;

/// What a hook does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookTarget {
    /// Calls a Lambda function.
    Lambda {
        /// The function's ARN.
        arn: String,
        /// The role that may call it.
        role: String,
    },
    /// Waits for ContinueServiceDeployment.
    Pause,
}

impl HookTarget {
    /// ECS's `targetType`.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Lambda { .. } => "AWS_LAMBDA",
            Self::Pause => "PAUSE",
        }
    }
}

/// A lifecycle hook as it is configured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hook {
    /// What it does.
    pub(crate) target: HookTarget,
    /// Where it runs.
    pub(crate) stages: Vec<Stage>,
    /// What its function is told beside the deployment.
    pub(crate) details: Value,
    /// How long it may take, minutes.
    pub(crate) timeout_minutes: i64,
    /// Whether the deployment continues when that is over; otherwise it is rolled back.
    pub(crate) timeout_continues: bool,
}

impl Hook {
    /// A hook with ECS's defaults.
    pub(crate) const fn new(target: HookTarget, stages: Vec<Stage>) -> Self {
        let details = Value::Null;
        Self { target, stages, details, timeout_minutes: TIMEOUT_MINUTES, timeout_continues: false }
    }
}

/// One run of a hook.
#[derive(Debug, Clone)]
pub(crate) struct HookRun {
    /// Its id.
    pub(crate) id: String,
    /// The hook's index in the configuration.
    index: usize,
    /// The stage it runs at.
    pub(crate) stage: Stage,
    /// The step of the traffic shift.
    step: usize,
    /// AWAITING_ACTION, IN_PROGRESS, SUCCEEDED, FAILED or TIMED_OUT.
    pub(crate) status: &'static str,
    /// When it times out.
    pub(crate) expires_ms: i64,
    /// When its function is called next; `None` while a call is under way or for a pause.
    next_call_ms: Option<i64>,
    details: Value,
}

impl HookRun {
    /// The hook that it is a run of.
    pub(crate) fn hook<'a>(&self, configuration: &'a Configuration) -> Option<&'a Hook> {
        configuration.hooks.get(self.index)
    }
}

/// What the hooks of a stage have come to.
pub(super) enum Hooks {
    /// Some are not done.
    Waiting,
    /// All are done, or there are none.
    Done,
    /// One failed.
    Failed(String),
}

impl World {
    /// Begins the hooks of the stage that a deployment has entered.
    pub(super) fn begin_hooks(&mut self, deployment: &mut ServiceDeployment) {
        let (stage, step, now_ms) = (deployment.stage, deployment.step, self.now_ms);
        for (index, hook) in deployment.configuration.hooks.clone().iter().enumerate() {
            if !hook.stages.contains(&stage) {
                continue;
            }
            let pause = hook.target == HookTarget::Pause;
            let kind = if pause { "pause" } else { "lambda" };
            let run = HookRun {
                id: format!("ecs-{kind}-{}", self.native.generator.hex(32)),
                index,
                stage,
                step,
                status: if pause { "AWAITING_ACTION" } else { "IN_PROGRESS" },
                expires_ms: now_ms + hook.timeout_minutes * MINUTE_MS,
                next_call_ms: (!pause).then_some(now_ms),
                details: hook.details.clone(),
            };
            self.announce_hook(deployment, &run);
            deployment.runs.push(run);
        }
    }

    /// One second of the hooks of the present stage.
    pub(super) fn step_hooks(&mut self, deployment: &mut ServiceDeployment) -> Hooks {
        let now_ms = self.now_ms;
        let mut open = false;
        for index in 0..deployment.runs.len() {
            let run = deployment.runs[index].clone();
            if run.stage != deployment.stage || run.step != deployment.step {
                continue;
            }
            match run.status {
                "FAILED" => return Hooks::Failed(format!("lifecycle hook {} failed at {}", run.id, run.stage.name())),
                "AWAITING_ACTION" | "IN_PROGRESS" if now_ms >= run.expires_ms => {
                    let continues = deployment.configuration.hooks[run.index].timeout_continues;
                    deployment.runs[index].status = "TIMED_OUT";
                    self.announce_hook(deployment, &deployment.runs[index].clone());
                    if !continues {
                        return Hooks::Failed(format!("lifecycle hook {} timed out at {}", run.id, run.stage.name()));
                    }
                }
                "AWAITING_ACTION" => open = true,
                "IN_PROGRESS" => {
                    open = true;
                    if run.next_call_ms.is_some_and(|at| now_ms >= at) {
                        deployment.runs[index].next_call_ms = None;
                        self.call_hook(deployment, &run);
                    }
                }
                _ => {}
            }
        }
        if open { Hooks::Waiting } else { Hooks::Done }
    }

    fn call_hook(&mut self, deployment: &ServiceDeployment, run: &HookRun) {
        let HookTarget::Lambda { arn, .. } = &deployment.configuration.hooks[run.index].target else { return };
        let function = arn.rsplit(":function:").next().unwrap_or(arn).to_owned();
        let mut payload = json!({
            "executionDetails": self.execution_details(deployment),
            "executionId": run.id.trim_start_matches("ecs-lambda-"),
            "lifecycleStage": run.stage.name(),
            "resourceArn": self.deployment_arn(deployment),
        });
        if !run.details.is_null() {
            payload["hookDetails"] = run.details.clone();
        }
        let purpose = For::Ecs(deployment.id.clone(), run.id.clone());
        self.outbox.send(Command::Invoke { function, payload, event: false }, purpose);
    }

    /// What a hook is told of the deployment; weights only where traffic is being shifted.
    fn execution_details(&self, deployment: &ServiceDeployment) -> Value {
        let weights = |percent: f64| {
            let entry = |id: &str, percent: f64| (self.revision_arn(&deployment.service, id), json!(percent));
            let both = [entry(&deployment.target.id, percent), entry(&deployment.source.id, 100.0 - percent)];
            Value::Object(both.into_iter().collect::<Map<_, _>>())
        };
        let steps = deployment.configuration.strategy.steps();
        let percent = steps.get(deployment.step).map_or(100.0, |(percent, _)| *percent);
        let gradual = deployment.configuration.strategy != Strategy::BlueGreen;
        let production = match deployment.stage {
            Stage::ProductionTrafficShift => weights(percent),
            Stage::PreProductionTrafficShift if gradual => weights(percent),
            _ => json!({}),
        };
        let test = if deployment.stage == Stage::TestTrafficShift { weights(100.0) } else { json!({}) };
        json!({
            "testTrafficWeights": test,
            "productionTrafficWeights": production,
            "serviceArn": self.place.arn("ecs", &format!("service/{}/{}", self.cluster, deployment.service)),
            "targetServiceRevisionArn": self.revision_arn(&deployment.service, &deployment.target.id),
        })
    }

    /// A hook's function answered, failed, or could not be called.
    pub(in crate::world) fn ecs_hook_answered(&mut self, deployment: &str, hook: &str, reply: &Reply) {
        let now_ms = self.now_ms;
        let Some(position) = self.native.deployments.iter().position(|each| each.id == deployment) else { return };
        let mut deployment = self.native.deployments.remove(position);
        let run = deployment.runs.iter_mut().find(|run| run.id == hook && run.status == "IN_PROGRESS");
        if let Some(run) = run {
            let answer = match reply {
                Reply::Answer(answer) => answer.clone(),
                Reply::Failed(_) => Value::Null,
            };
            match answer["hookStatus"].as_str() {
                Some("SUCCEEDED") => run.status = "SUCCEEDED",
                Some("IN_PROGRESS") => {
                    let seconds = answer["callBackDelay"].as_f64().filter(|seconds| *seconds >= 0.0);
                    run.next_call_ms = Some(now_ms + (seconds.unwrap_or(CALL_BACK_SECONDS) * 1000.0) as i64);
                    run.details = merged(&run.details, &answer["hookDetails"]);
                }
                _ => run.status = "FAILED",
            }
            let run = run.clone();
            if run.status != "IN_PROGRESS" {
                self.announce_hook(&deployment, &run);
            }
            if let Reply::Failed(problem) = reply {
                deployment.reason = format!("lifecycle hook failed: {problem}");
            }
        }
        self.native.deployments.insert(position, deployment);
    }

    /// Ends a pause; `false` when there is no such pause that waits.
    pub(crate) fn continue_deployment(&mut self, deployment: &str, hook: &str, onwards: bool) -> bool {
        let found =
            self.native.deployments.iter().position(|each| each.id == deployment && each.status == "IN_PROGRESS");
        let Some(position) = found else { return false };
        let mut deployment = self.native.deployments.remove(position);
        let run = deployment.runs.iter_mut().find(|run| run.id == hook && run.status == "AWAITING_ACTION");
        let run = run.map(|run| {
            run.status = if onwards { "SUCCEEDED" } else { "FAILED" };
            run.clone()
        });
        if let Some(run) = &run {
            self.announce_hook(&deployment, run);
        }
        self.native.deployments.insert(position, deployment);
        run.is_some()
    }

    /// Tells EventBridge that a hook's status changed.
    fn announce_hook(&mut self, deployment: &ServiceDeployment, run: &HookRun) {
        let arn = self.deployment_arn(deployment);
        let target = &deployment.configuration.hooks[run.index].target;
        let failed = matches!(run.status, "FAILED" | "TIMED_OUT");
        let detail = json!({
            "eventType": if failed { "ERROR" } else { "INFO" },
            "eventName": format!("HOOK_{}", run.status),
            "hookId": run.id,
            "hookType": target.name(),
            "expiresAt": rfc3339(run.expires_ms),
            "lifecycleStage": run.stage.name(),
            "clusterArn": self.place.arn("ecs", &format!("cluster/{}", self.cluster)),
            "serviceArn": self.place.arn("ecs", &format!("service/{}/{}", self.cluster, deployment.service)),
            "serviceDeploymentArn": arn,
            "updatedAt": rfc3339(self.now_ms),
        });
        self.emit("aws.ecs", "ECS Hook State Change", &[arn], detail);
    }
}

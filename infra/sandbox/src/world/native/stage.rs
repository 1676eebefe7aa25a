//! A service deployment's way through its lifecycle stages, one second at a time, and the way back.

use serde_json::json;

use super::hook::Hooks;
use super::{Configuration, Revision, ServiceDeployment, Stage};
use crate::wire::node::rfc3339;
use crate::world::balancer::{Forward, Purpose};
use crate::world::release::NewSet;
use crate::world::{MINUTE_MS, World};

/// How long it takes to change a listener, milliseconds.
const SHIFT_MS: i64 = 2_000;
/// How long any stage may take, milliseconds.
const STAGE_LIMIT_MS: i64 = 24 * 60 * MINUTE_MS;
/// The unit of weights: a tenth of a percent.
const WEIGHT_UNIT: f64 = 10.0;

impl World {
    /// The ARN of a service deployment.
    pub(crate) fn deployment_arn(&self, deployment: &ServiceDeployment) -> String {
        let resource = format!("service-deployment/{}/{}/{}", self.cluster, deployment.service, deployment.id);
        self.place.arn("ecs", &resource)
    }

    /// The ARN of a service revision.
    pub(crate) fn revision_arn(&self, service: &str, revision: &str) -> String {
        self.place.arn("ecs", &format!("service-revision/{}/{service}/{revision}", self.cluster))
    }

    /// Begins a deployment of a task definition; `None` when the service is not one of ECS's own controller.
    pub(crate) fn begin_deployment(&mut self, service: &str, task_definition: String) -> Option<String> {
        let now_ms = self.now_ms;
        let (_, state) = self.blue_green(service)?;
        let source = state.primary().map(|set| Revision::of(service, set))?;
        let group = state.other_group().arn.clone();
        let configuration: Configuration = state.configuration.clone();
        let target = Revision {
            id: self.native.generator.digits(19),
            service: service.to_owned(),
            task_definition,
            group,
            created_ms: now_ms,
        };
        self.native.revisions.push(target.clone());
        let id = self.native.generator.hex(21);
        let deployment = ServiceDeployment {
            id: id.clone(),
            service: service.to_owned(),
            status: "PENDING",
            reason: String::new(),
            stage: Stage::ReconcileService,
            entered_ms: now_ms,
            created_ms: now_ms,
            updated_ms: now_ms,
            finished_ms: None,
            source,
            target,
            configuration,
            step: 0,
            runs: Vec::new(),
            rollback: None,
        };
        self.announce_deployment(&deployment, "SERVICE_DEPLOYMENT_IN_PROGRESS", "INFO", "in progress.");
        self.native.deployments.push(deployment);
        Some(id)
    }

    /// One second of every service deployment under way.
    pub(in crate::world) fn tick_native(&mut self) {
        let mut deployments = std::mem::take(&mut self.native.deployments);
        for deployment in deployments.iter_mut().filter(|deployment| !deployment.is_over()) {
            match deployment.status {
                "PENDING" => {
                    deployment.status = "IN_PROGRESS";
                    self.enter(deployment, Stage::PreScaleUp);
                }
                "IN_PROGRESS" => self.step_deployment_stage(deployment),
                _ => self.step_back(deployment),
            }
        }
        deployments.append(&mut self.native.deployments);
        self.native.deployments = deployments;
    }

    fn enter(&mut self, deployment: &mut ServiceDeployment, stage: Stage) {
        deployment.stage = stage;
        deployment.entered_ms = self.now_ms;
        deployment.updated_ms = self.now_ms;
        let service = deployment.service.clone();
        match stage {
            Stage::ScaleUp => {
                let new = NewSet {
                    id: Some(deployment.target.set()),
                    task_definition: deployment.target.task_definition.clone(),
                    group: deployment.target.group.clone(),
                    scale: 100.0,
                    ..NewSet::default()
                };
                self.clear_group(&service, &deployment.target.group);
                self.create_set(&service, new);
            }
            Stage::TestTrafficShift => {
                self.route(&service, Purpose::Test, vec![(deployment.target.group.clone(), 100)]);
            }
            Stage::ProductionTrafficShift => {
                let steps = deployment.configuration.strategy.steps();
                let percent = steps.get(deployment.step).map_or(100.0, |(percent, _)| *percent);
                self.route(&service, Purpose::Production, split(deployment, percent));
            }
            Stage::PostProductionTrafficShift => self.promote(&service, &deployment.target.set()),
            Stage::CleanUp => self.retire_set(&service, &deployment.source.set()),
            _ => {}
        }
        self.begin_hooks(deployment);
    }

    fn promote(&mut self, service: &str, set: &str) {
        let now_ms = self.now_ms;
        if let Some(state) = self.blue_green_mut(service) {
            state.promote(set, now_ms);
        }
    }

    fn retire_set(&mut self, service: &str, set: &str) {
        let now_ms = self.now_ms;
        if let Some(state) = self.blue_green_mut(service) {
            state.retire(set, now_ms);
        }
    }

    fn has_set(&self, service: &str, set: &str) -> bool {
        self.blue_green(service).is_some_and(|(_, state)| state.set(set).is_some())
    }

    fn step_deployment_stage(&mut self, deployment: &mut ServiceDeployment) {
        match self.step_hooks(deployment) {
            Hooks::Waiting => return,
            Hooks::Failed(problem) => {
                let why = if deployment.reason.is_empty() { problem } else { deployment.reason.clone() };
                return self.turn_back(deployment, &why);
            }
            Hooks::Done => {}
        }
        let since_ms = self.now_ms - deployment.entered_ms;
        if since_ms >= STAGE_LIMIT_MS {
            let why = format!("the stage {} took longer than 24 hours", deployment.stage.name());
            return self.turn_back(deployment, &why);
        }
        if !self.stage_is_done(deployment, since_ms) {
            return;
        }
        match next(deployment) {
            Some((stage, step)) => {
                deployment.step = step;
                self.enter(deployment, stage);
            }
            None => self.finish_deployment(deployment, "SUCCESSFUL", "SERVICE_DEPLOYMENT_COMPLETED", "completed."),
        }
    }

    fn stage_is_done(&self, deployment: &ServiceDeployment, since_ms: i64) -> bool {
        match deployment.stage {
            Stage::ScaleUp => {
                let state = self.blue_green(&deployment.service);
                let set = state.and_then(|(_, state)| state.set(&deployment.target.id));
                set.is_some_and(|set| set.stable_ms.is_some())
            }
            Stage::TestTrafficShift => since_ms >= SHIFT_MS,
            Stage::ProductionTrafficShift => {
                let steps = deployment.configuration.strategy.steps();
                let minutes = steps.get(deployment.step).map_or(0, |(_, minutes)| *minutes);
                since_ms >= SHIFT_MS.max(minutes * MINUTE_MS)
            }
            Stage::BakeTime => since_ms >= deployment.configuration.bake_minutes * MINUTE_MS,
            Stage::CleanUp => !self.has_set(&deployment.service, &deployment.source.id),
            _ => true,
        }
    }

    fn finish_deployment(
        &mut self,
        deployment: &mut ServiceDeployment,
        status: &'static str,
        event: &str,
        reason: &str,
    ) {
        deployment.status = status;
        deployment.finished_ms = Some(self.now_ms);
        deployment.updated_ms = self.now_ms;
        if deployment.reason.is_empty() {
            deployment.reason = format!("Service deployment {reason}");
        }
        let kind = if status == "SUCCESSFUL" { "INFO" } else { "ERROR" };
        self.announce_deployment(deployment, event, kind, reason);
    }

    /// Begins the way back: all traffic on blue at once, then green goes.
    fn turn_back(&mut self, deployment: &mut ServiceDeployment, why: &str) {
        deployment.status = "ROLLBACK_IN_PROGRESS";
        deployment.reason = format!("Service deployment rolled back: {why}");
        deployment.rollback = Some((deployment.reason.clone(), self.now_ms));
        deployment.updated_ms = self.now_ms;
        for run in deployment.runs.iter_mut().filter(|run| matches!(run.status, "IN_PROGRESS" | "AWAITING_ACTION")) {
            run.status = "FAILED";
        }
        let service = deployment.service.clone();
        for purpose in [Purpose::Production, Purpose::Test] {
            self.route(&service, purpose, vec![(deployment.source.group.clone(), 100)]);
        }
        self.promote(&service, &deployment.source.set());
        self.retire_set(&service, &deployment.target.set());
        self.announce_deployment(deployment, "SERVICE_DEPLOYMENT_IN_PROGRESS", "INFO", &format!("rolling back: {why}"));
    }

    fn step_back(&mut self, deployment: &mut ServiceDeployment) {
        if !self.has_set(&deployment.service, &deployment.target.id) {
            let why = deployment.reason.clone();
            self.finish_deployment(deployment, "ROLLBACK_SUCCESSFUL", "SERVICE_DEPLOYMENT_FAILED", &why);
        }
    }

    /// Stops a service deployment under way, with or without the way back; `false` when it is over.
    pub(crate) fn stop_service_deployment(&mut self, id: &str, rollback: bool) -> bool {
        let found = self.native.deployments.iter().position(|each| {
            each.id == id && matches!(each.status, "PENDING" | "IN_PROGRESS") && each.stage != Stage::CleanUp
        });
        let Some(position) = found else { return false };
        let mut deployment = self.native.deployments.remove(position);
        if rollback {
            self.turn_back(&mut deployment, "it was stopped by a user");
        } else {
            deployment.reason = "Service deployment stopped by a user".to_owned();
            self.finish_deployment(&mut deployment, "STOPPED", "SERVICE_DEPLOYMENT_FAILED", "stopped by a user");
        }
        self.native.deployments.insert(position, deployment);
        true
    }

    /// Tells EventBridge that a service deployment's state changed.
    fn announce_deployment(&mut self, deployment: &ServiceDeployment, name: &str, kind: &str, reason: &str) {
        let id = deployment.target.set();
        let detail = json!({
            "eventType": kind,
            "eventName": name,
            "deploymentId": id,
            "updatedAt": rfc3339(self.now_ms),
            "reason": format!("ECS deployment {id} {reason}"),
        });
        let service = self.place.arn("ecs", &format!("service/{}/{}", self.cluster, deployment.service));
        self.emit("aws.ecs", "ECS Deployment State Change", &[service], detail);
    }
}

/// Weights that put `percent` of the requests on green.
fn split(deployment: &ServiceDeployment, percent: f64) -> Forward {
    let green = (percent * WEIGHT_UNIT).round().clamp(0.0, 999.0) as u32;
    if percent >= 100.0 {
        return vec![(deployment.source.group.clone(), 0), (deployment.target.group.clone(), 100)];
    }
    let blue = (100.0 * WEIGHT_UNIT) as u32 - green;
    vec![(deployment.source.group.clone(), blue.min(999)), (deployment.target.group.clone(), green)]
}

/// The stage behind the present one, and the step of the traffic shift; `None` behind the last.
fn next(deployment: &ServiceDeployment) -> Option<(Stage, usize)> {
    let step = deployment.step;
    Some(match deployment.stage {
        Stage::ReconcileService => (Stage::PreScaleUp, step),
        Stage::PreScaleUp => (Stage::ScaleUp, step),
        Stage::ScaleUp => (Stage::PostScaleUp, step),
        Stage::PostScaleUp => (Stage::TestTrafficShift, step),
        Stage::TestTrafficShift => (Stage::PostTestTrafficShift, step),
        Stage::PostTestTrafficShift => (Stage::PreProductionTrafficShift, step),
        Stage::PreProductionTrafficShift => (Stage::ProductionTrafficShift, step),
        Stage::ProductionTrafficShift if step + 1 < deployment.configuration.strategy.steps().len() => {
            (Stage::PreProductionTrafficShift, step + 1)
        }
        Stage::ProductionTrafficShift => (Stage::PostProductionTrafficShift, step),
        Stage::PostProductionTrafficShift => (Stage::BakeTime, step),
        Stage::BakeTime => (Stage::CleanUp, step),
        Stage::CleanUp => return None,
    })
}

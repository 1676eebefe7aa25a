//! A deployment's way through its lifecycle events, one second at a time, and the way back.

use serde_json::json;

use super::{Deployment, EVENTS, Phase, shifts};
use crate::world::balancer::Purpose;
use crate::world::outbox::{Command, Purpose as For, Reply};
use crate::world::release::NewSet;
use crate::world::{MINUTE_MS, World};

/// How long CodeDeploy waits for a hook, and for the replacement task set, milliseconds.
const PATIENCE_MS: i64 = 60 * MINUTE_MS;
/// How long it takes to change the test listener, milliseconds.
const TEST_SHIFT_MS: i64 = 2_000;

/// What an event came to.
enum Step {
    Wait,
    Done,
    Fail(&'static str, String),
}

impl World {
    /// One second of every deployment under way.
    pub(in crate::world) fn tick_codedeploy(&mut self) {
        let mut deployments = std::mem::take(&mut self.codedeploy.deployments);
        for deployment in deployments.iter_mut().filter(|deployment| deployment.phase != Phase::Done) {
            self.step_deployment(deployment);
        }
        deployments.append(&mut self.codedeploy.deployments);
        self.codedeploy.deployments = deployments;
    }

    fn step_deployment(&mut self, deployment: &mut Deployment) {
        let now_ms = self.now_ms;
        match deployment.phase {
            Phase::Event(index) => match self.step_event(deployment, index) {
                Step::Wait => {}
                Step::Done => {
                    let event = &mut deployment.events[index];
                    event.status = "Succeeded";
                    event.ended_ms = Some(now_ms);
                    deployment.phase = if index + 1 < EVENTS.len() {
                        Phase::Event(index + 1)
                    } else {
                        Phase::Terminate { until_ms: now_ms + self.codedeploy.termination_minutes * MINUTE_MS }
                    };
                }
                Step::Fail(code, message) => self.fail_deployment(deployment, code, message),
            },
            Phase::Terminate { until_ms } if now_ms >= until_ms => {
                self.retire(deployment.blue.as_ref());
                deployment.phase = Phase::Draining;
            }
            Phase::Draining => {
                let going = if deployment.undoes.is_some() { &deployment.green } else { &deployment.blue };
                if !self.exists(going.as_ref()) {
                    self.finish(deployment, "Succeeded", "SUCCESS");
                }
            }
            Phase::Terminate { .. } | Phase::Done => {}
        }
    }

    fn finish(&mut self, deployment: &mut Deployment, status: &'static str, state: &str) {
        deployment.status = status;
        deployment.completed_ms = Some(self.now_ms);
        deployment.phase = Phase::Done;
        self.announce(&deployment.id, state);
    }

    /// Tells EventBridge that a deployment's state changed.
    pub(crate) fn announce(&mut self, deployment: &str, state: &str) {
        let (application, group) = (self.codedeploy.application.clone(), self.codedeploy.group.clone());
        let resources = [
            self.place.arn("codedeploy", &format!("application:{application}")),
            self.place.arn("codedeploy", &format!("deploymentgroup:{application}/{group}")),
        ];
        let detail = json!({
            "region": self.place.region,
            "deploymentId": deployment,
            "instanceGroupId": self.codedeploy.group_id,
            "deploymentGroup": group,
            "state": state,
            "application": application,
        });
        self.emit("aws.codedeploy", "CodeDeploy Deployment State-change Notification", &resources, detail);
    }

    fn retire(&mut self, set: Option<&(String, String)>) {
        let (service, now_ms) = (self.codedeploy.service.clone(), self.now_ms);
        if let (Some((set, _)), Some(state)) = (set, self.blue_green_mut(&service)) {
            state.retire(set, now_ms);
        }
    }

    fn exists(&self, set: Option<&(String, String)>) -> bool {
        let state = self.blue_green(&self.codedeploy.service);
        set.is_some_and(|(set, _)| state.is_some_and(|(_, state)| state.set(set).is_some()))
    }

    fn step_event(&mut self, deployment: &mut Deployment, index: usize) -> Step {
        let now_ms = self.now_ms;
        let name = deployment.events[index].name;
        let begins = deployment.events[index].status == "Pending";
        if deployment.blue.is_none() {
            let primary = self.blue_green(&self.codedeploy.service).and_then(|(_, state)| state.primary());
            deployment.blue = primary.map(|set| (set.id.clone(), set.group.clone()));
        }
        if begins {
            let event = &mut deployment.events[index];
            event.status = "InProgress";
            event.started_ms = Some(now_ms);
        }
        let since_ms = now_ms - deployment.events[index].started_ms.unwrap_or(now_ms);
        match name {
            "Install" => self.install(deployment, begins, since_ms),
            "AllowTestTraffic" => {
                if begins && let Some((_, group)) = &deployment.green {
                    self.route(&self.codedeploy.service.clone(), Purpose::Test, vec![(group.clone(), 100)]);
                }
                if since_ms >= TEST_SHIFT_MS { Step::Done } else { Step::Wait }
            }
            "AllowTraffic" => self.shift(deployment, since_ms),
            hook => self.hook(deployment, hook, index, begins, since_ms),
        }
    }

    /// Creates the replacement task set and waits until it is steady.
    fn install(&mut self, deployment: &mut Deployment, begins: bool, since_ms: i64) -> Step {
        let service = self.codedeploy.service.clone();
        if begins {
            let Some((_, state)) = self.blue_green(&service) else {
                return Step::Fail("INVALID_ECS_SERVICE", format!("the service {service} is not there"));
            };
            let group = state.other_group().arn.clone();
            let new = NewSet {
                task_definition: deployment.spec.task_definition.clone(),
                group: group.clone(),
                scale: 100.0,
                external_id: Some(deployment.id.clone()),
                started_by: Some("CODE_DEPLOY".to_owned()),
                ..NewSet::default()
            };
            self.clear_group(&service, &group);
            deployment.green = self.create_set(&service, new).map(|set| (set, group));
            return Step::Wait;
        }
        let green = deployment.green.as_ref().and_then(|(set, _)| self.blue_green(&service)?.1.set(set));
        if green.is_some_and(|set| set.stable_ms.is_some()) {
            return Step::Done;
        }
        if since_ms < PATIENCE_MS {
            return Step::Wait;
        }
        let message = "The deployment timed out while waiting for the replacement task set to become healthy. This \
                       time out period is 60 minutes.";
        Step::Fail("TIMEOUT", message.to_owned())
    }

    /// Shifts production traffic as the deployment configuration says.
    fn shift(&mut self, deployment: &Deployment, since_ms: i64) -> Step {
        let steps = shifts(&deployment.config).unwrap_or_else(|| vec![(0, 100)]);
        let due = steps.iter().rev().find(|(after_ms, _)| *after_ms <= since_ms);
        let percent = due.map_or(0, |(_, percent)| *percent);
        let (Some((_, blue)), Some((green, group))) = (&deployment.blue, &deployment.green) else {
            return Step::Fail("INTERNAL_ERROR", "a task set is missing".to_owned());
        };
        let service = self.codedeploy.service.clone();
        let forward = vec![(blue.clone(), 100 - percent), (group.clone(), percent)];
        self.route(&service, Purpose::Production, forward);
        if percent < 100 {
            return Step::Wait;
        }
        let now_ms = self.now_ms;
        if let Some(state) = self.blue_green_mut(&service) {
            state.promote(green, now_ms);
        }
        Step::Done
    }

    /// Invokes the hook of an event and waits until its status is put.
    fn hook(&mut self, deployment: &mut Deployment, name: &str, index: usize, begins: bool, since_ms: i64) -> Step {
        let Some(function) = deployment.spec.hooks.get(name) else { return Step::Done };
        if begins {
            let execution = self.codedeploy.generator.hex(32);
            let payload = json!({ "DeploymentId": deployment.id, "LifecycleEventHookExecutionId": execution });
            let command = Command::Invoke { function: function.clone(), payload, event: true };
            self.outbox.send(command, For::CodeDeploy(deployment.id.clone(), execution.clone()));
            deployment.events[index].hook = Some(execution);
            return Step::Wait;
        }
        let event = &deployment.events[index];
        if let Some(problem) = &event.message {
            return Step::Fail("HOOK_EXECUTION_FAILURE", problem.clone());
        }
        if event.status == "Succeeded" {
            return Step::Done;
        }
        if since_ms < PATIENCE_MS {
            return Step::Wait;
        }
        let message = format!("The hook {name} did not report a status within 60 minutes.");
        Step::Fail("HOOK_EXECUTION_FAILURE", message)
    }

    /// Ends a deployment as failed; brings blue back when it is configured to.
    fn fail_deployment(&mut self, deployment: &mut Deployment, code: &'static str, message: String) {
        let now_ms = self.now_ms;
        if let Phase::Event(index) = deployment.phase {
            let event = &mut deployment.events[index];
            event.status = "Failed";
            event.ended_ms = Some(now_ms);
            event.message = Some(message.clone());
        }
        deployment.error = Some((code, message));
        let rollback = deployment.auto_rollback;
        self.give_up(deployment, "Failed", "FAILURE", rollback);
    }

    /// Ends a deployment before its end: what did not happen is skipped, and blue is brought back when asked.
    pub(super) fn give_up(&mut self, deployment: &mut Deployment, status: &'static str, state: &str, rollback: bool) {
        for event in deployment.events.iter_mut().filter(|event| matches!(event.status, "Pending" | "InProgress")) {
            event.status = "Skipped";
        }
        if rollback && deployment.green.is_some() {
            self.roll_back(deployment);
        }
        self.finish(deployment, status, state);
    }

    /// Begins a deployment that brings blue back: all traffic at once, then green goes.
    fn roll_back(&mut self, deployment: &mut Deployment) {
        let (service, now_ms) = (self.codedeploy.service.clone(), self.now_ms);
        let mut back = deployment.clone();
        let letters = self.codedeploy.generator.hex(9).to_uppercase();
        back.id = format!("d-{letters}");
        back.creator = "codeDeployRollback";
        back.status = "InProgress";
        back.undoes = Some(deployment.id.clone());
        back.error = None;
        (back.created_ms, back.started_ms) = (now_ms, Some(now_ms));
        for event in &mut back.events {
            (event.status, event.started_ms, event.ended_ms) = ("Skipped", None, None);
            (event.hook, event.message) = (None, None);
        }
        back.phase = Phase::Draining;
        deployment.undone_by = Some(back.id.clone());
        if let Some((blue, group)) = &deployment.blue {
            for purpose in [Purpose::Production, Purpose::Test] {
                self.route(&service, purpose, vec![(group.clone(), 100)]);
            }
            if let Some(state) = self.blue_green_mut(&service) {
                state.promote(blue, now_ms);
            }
        }
        self.retire(deployment.green.as_ref());
        let id = back.id.clone();
        self.codedeploy.deployments.push(back);
        self.announce(&id, "START");
    }

    /// A hook's invocation was answered: only a refusal matters, since nobody waits for its result.
    pub(in crate::world) fn codedeploy_hook_answered(&mut self, deployment: &str, hook: &str, reply: &Reply) {
        let Reply::Failed(problem) = reply else { return };
        let found = self.codedeploy.deployments.iter_mut().find(|each| each.id == deployment);
        let event = found.and_then(|each| each.events.iter_mut().find(|event| event.hook.as_deref() == Some(hook)));
        if let Some(event) = event.filter(|event| event.status == "InProgress") {
            event.message = Some(format!("The hook's function could not be invoked: {problem}"));
        }
    }

    /// Stops a deployment under way; blue is brought back when asked. `false` when it was over already.
    pub(crate) fn stop_deployment(&mut self, id: &str, rollback: bool) -> bool {
        let mut deployments = std::mem::take(&mut self.codedeploy.deployments);
        let found = deployments.iter_mut().find(|each| each.id == id && each.status == "InProgress");
        let stopped = found.is_some_and(|deployment| {
            deployment.error = Some(("MANUAL_STOP", "The deployment was stopped by a user.".to_owned()));
            self.give_up(deployment, "Stopped", "STOP", rollback);
            true
        });
        deployments.append(&mut self.codedeploy.deployments);
        self.codedeploy.deployments = deployments;
        stopped
    }

    /// Ends the wait before blue is terminated; `false` when the deployment is not in that wait.
    pub(crate) fn end_termination_wait(&mut self, id: &str) -> bool {
        let now_ms = self.now_ms;
        let found = self.codedeploy.deployments.iter_mut().find(|each| each.id == id);
        let Some(Phase::Terminate { until_ms }) = found.map(|deployment| &mut deployment.phase) else { return false };
        *until_ms = now_ms;
        true
    }

    /// A hook reports its status. The error is the exception's name.
    pub(crate) fn put_hook_status(&mut self, id: &str, hook: &str, good: bool) -> Result<(), &'static str> {
        let found = self.codedeploy.deployments.iter_mut().find(|each| each.id == id);
        let deployment = found.ok_or("DeploymentDoesNotExistException")?;
        let event = deployment.events.iter_mut().find(|event| event.hook.as_deref() == Some(hook));
        let event = event.ok_or("InvalidLifecycleEventHookExecutionIdException")?;
        if event.status != "InProgress" || event.message.is_some() || deployment.status != "InProgress" {
            return Err("LifecycleEventAlreadyCompletedException");
        }
        if good {
            event.status = "Succeeded";
        } else {
            event.message = Some(format!("The hook of {} reported the status Failed.", event.name));
        }
        Ok(())
    }
}

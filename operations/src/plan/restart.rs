//! Replacing the tasks of a service.

use super::{Plan, service_watch};
use crate::call::Call;
use crate::catalogue::{Controller, Entry};
use crate::diagnosis::Diagnosis;
use crate::error::{Error, Kind};
use crate::snapshot::{Service, Targets};
use crate::time::Millis;
use crate::verify::Watch;
use serde_json::json;

/// Seconds until a restart that has not recovered counts as failed.
const DEADLINE_SECONDS: u32 = 900;

/// A task of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its ARN.
    pub arn: String,
    /// When it was created, in milliseconds since 1970.
    pub created_at: Millis,
}

/// What is known about the service before a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The cluster's name.
    pub cluster: String,
    /// The service.
    pub service: Service,
    /// Its running tasks.
    pub tasks: Vec<Task>,
    /// Its targets, where it has a target group.
    pub targets: Option<Targets>,
    /// `deploymentConfiguration.minimumHealthyPercent`, where the service says.
    pub minimum_healthy_percent: Option<u32>,
}

/// Plans a restart by the service's own deployment controller.
///
/// With ECS's, a forced deployment starts new tasks before it stops old ones. With CodeDeploy's or a third party's
/// that call is rejected, so the tasks are stopped, oldest first, a quarter at a time, and the service replaces
/// them.
///
/// # Errors
/// `Ops.DeploymentInProgress`, `Ops.PreconditionFailed`, `Ops.NotApplicable`: nothing may be planned now, or at all.
pub fn plan(entry: &Entry, incident: &str, observed: &Observed, diagnosis: Option<&Diagnosis>) -> Result<Plan, Error> {
    let target = entry.service()?;
    let service = &observed.service;
    if service.status != "ACTIVE" {
        let message = format!("service {} is {:?}, not ACTIVE: nothing to restart", target.service, service.status);
        return Err(Error::new(Kind::PreconditionFailed, message));
    }
    if service.deploying() {
        let message = format!("a deployment of {} is running: wait for it or stop it", target.service);
        return Err(Error::new(Kind::DeploymentInProgress, message));
    }
    if service.desired == 0 {
        let message = format!("service {} wants no tasks: it is switched off", target.service);
        return Err(Error::new(Kind::NotApplicable, message));
    }
    match target.controller {
        Controller::Ecs => rolling(entry, observed, diagnosis),
        Controller::CodeDeploy | Controller::External => stopping(entry, incident, observed, diagnosis),
    }
}

fn rolling(entry: &Entry, observed: &Observed, diagnosis: Option<&Diagnosis>) -> Result<Plan, Error> {
    let target = entry.service()?;
    let kept =
        observed.minimum_healthy_percent.map(|percent| u64::from(observed.service.desired) * u64::from(percent) / 100);
    if kept == Some(0) && entry.tier < 2 {
        let message = format!(
            "{} may lose all tasks during a deployment: raise minimumHealthyPercent before it is restarted",
            target.service
        );
        return Err(Error::new(Kind::PreconditionFailed, message));
    }
    let parameters = json!({"cluster": observed.cluster, "service": target.service, "forceNewDeployment": true});
    let watch = Watch::EcsRollout {
        previous_deployment: observed.service.primary().map(|primary| primary.id.clone()),
        previous_tasks: task_ids(observed),
    };
    Ok(Plan {
        calls: vec![Call::new("ecs", "UpdateService", parameters)],
        after: json!({"deployment": "new", "tasks": "all new"}),
        verify: service_watch(watch, DEADLINE_SECONDS, &entry.slo, diagnosis),
        summary: format!(
            "Restart {}: a new deployment replaces its {} tasks; a restart cannot be undone",
            entry.catalog_id,
            observed.tasks.len()
        ),
        batch: None,
        ..irreversible(observed)
    })
}

fn stopping(entry: &Entry, incident: &str, observed: &Observed, diagnosis: Option<&Diagnosis>) -> Result<Plan, Error> {
    let target = entry.service()?;
    let healthy = observed.targets.map_or(observed.service.running, |targets| targets.healthy);
    if healthy < 2 && entry.tier < 2 {
        let message =
            format!("{} has {healthy} healthy tasks: stopping one could leave none; a person decides", target.service);
        return Err(Error::new(Kind::PreconditionFailed, message));
    }
    let mut tasks: Vec<_> = observed.tasks.iter().collect();
    tasks.sort_by(|one, other| (one.created_at, &one.arn).cmp(&(other.created_at, &other.arn)));
    if tasks.is_empty() {
        return Err(Error::new(Kind::NotApplicable, format!("{} has no running task to stop", target.service)));
    }
    let reason = format!("restart for incident {incident}");
    let stop = |task: &&Task| json!({"cluster": observed.cluster, "task": task.arn, "reason": reason});
    let calls = tasks.iter().map(|task| Call::new("ecs", "StopTask", stop(task))).collect();
    let batch = (tasks.len() as u32 / 4).max(1);
    let watch = Watch::EcsRollout { previous_deployment: None, previous_tasks: task_ids(observed) };
    Ok(Plan {
        calls,
        after: json!({"tasks": "all new"}),
        verify: service_watch(watch, DEADLINE_SECONDS, &entry.slo, diagnosis),
        summary: format!(
            "Restart {}: stop its {} tasks, oldest first, {batch} at a time; a restart cannot be undone",
            entry.catalog_id,
            tasks.len()
        ),
        batch: Some(batch),
        ..irreversible(observed)
    })
}

/// The parts every restart shares: the state before, and that nothing undoes it.
fn irreversible(observed: &Observed) -> Plan {
    Plan {
        before: json!({
            "deployment": observed.service.primary().map(|primary| primary.id.clone()),
            "tasks": task_ids(observed),
            "desired": observed.service.desired,
            "running": observed.service.running,
            "healthy": observed.targets.map(|targets| targets.healthy),
        }),
        ..Plan::forward_only()
    }
}

fn task_ids(observed: &Observed) -> Vec<String> {
    observed.tasks.iter().map(|task| task_id(&task.arn).to_owned()).collect()
}

/// The id of a task: the part of its ARN after the last slash.
pub fn task_id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Whether the effect of a forced deployment is there already.
///
/// `before` is the plan's primary deployment, `intended` when the intention to act was recorded. A newer primary
/// deployment created since then is the restart, whether our first attempt or somebody else made it.
///
/// # Errors
/// `Ops.PreconditionFailed` when the primary deployment is another one but was created before the intention: the
/// plan is out of date.
pub fn restarted(before: Option<&str>, intended: Option<Millis>, service: &Service) -> Result<bool, Error> {
    let Some(primary) = service.primary() else { return Ok(false) };
    if before == Some(primary.id.as_str()) {
        return Ok(false);
    }
    // ECS reports creation times to the second or better.
    if intended.is_none_or(|intended| primary.created_at + 1_000 > intended) {
        return Ok(true);
    }
    let message = format!("deployment {} began after the plan was made: plan again", primary.id);
    Err(Error::new(Kind::PreconditionFailed, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;
    use crate::snapshot::Deployment;

    fn deployment(id: &str, state: &str, created_at: Millis) -> Deployment {
        Deployment {
            id: id.into(),
            status: "PRIMARY".into(),
            rollout_state: state.into(),
            created_at,
            task_definition: "api:1".into(),
        }
    }

    fn observed(count: u32) -> Observed {
        let service = Service {
            desired: count,
            running: count,
            pending: 0,
            status: "ACTIVE".into(),
            deployments: vec![deployment("d1", "COMPLETED", 0)],
        };
        let task = |number: u32| Task {
            arn: format!("arn:aws:ecs:us-east-1:123456789012:task/production/t{number}"),
            created_at: Millis::from(100 - number),
        };
        Observed {
            cluster: "production".into(),
            service,
            tasks: (0..count).map(task).collect(),
            targets: Some(Targets { healthy: count, unhealthy: 0, other: 0 }),
            minimum_healthy_percent: Some(100),
        }
    }

    fn entry(controller: &str) -> Entry {
        let mut item = samples::api();
        item["controller"] = json!(controller);
        samples::entry(item)
    }

    #[test]
    fn ecs_gets_one_forced_deployment() {
        let plan = plan(&entry("ECS"), "incident-1", &observed(4), None).unwrap();
        insta::assert_json_snapshot!(plan.to_json(), @r#"
        {
          "calls": [
            {
              "service": "ecs",
              "operation": "UpdateService",
              "parameters": {
                "cluster": "production",
                "service": "api",
                "forceNewDeployment": true
              }
            }
          ],
          "undo": [],
          "before": {
            "deployment": "d1",
            "tasks": [
              "t0",
              "t1",
              "t2",
              "t3"
            ],
            "desired": 4,
            "running": 4,
            "healthy": 4
          },
          "after": {
            "deployment": "new",
            "tasks": "all new"
          },
          "verify": {
            "watch": "ecs-rollout",
            "previousDeployment": "d1",
            "previousTasks": [
              "t0",
              "t1",
              "t2",
              "t3"
            ],
            "checks": 3,
            "intervalSeconds": 30,
            "deadlineSeconds": 900,
            "metrics": [
              "latency",
              "errors"
            ]
          },
          "summary": "Restart api: a new deployment replaces its 4 tasks; a restart cannot be undone",
          "irreversible": true,
          "manualUndo": []
        }
        "#);
    }

    #[test]
    fn code_deploy_stops_tasks_oldest_first_in_quarters() {
        let plan = plan(&entry("CODE_DEPLOY"), "incident-1", &observed(8), None).unwrap();
        assert_eq!(plan.batch, Some(2));
        let stopped: Vec<_> =
            plan.calls.iter().map(|call| task_id(call.parameters["task"].as_str().unwrap())).collect();
        assert_eq!(stopped, ["t7", "t6", "t5", "t4", "t3", "t2", "t1", "t0"]);
        assert!(plan.calls.iter().all(|call| call.to_string() == "ecs:StopTask"));
    }

    #[test]
    fn what_must_not_be_restarted_is_refused_by_name() {
        let refused = |entry: &Entry, observed: &Observed| plan(entry, "i", observed, None).unwrap_err().kind();
        let mut rolling = observed(4);
        rolling.service.deployments[0].rollout_state = "IN_PROGRESS".into();
        assert_eq!(refused(&entry("ECS"), &rolling), Kind::DeploymentInProgress);
        let mut off = observed(0);
        off.service.desired = 0;
        assert_eq!(refused(&entry("ECS"), &off), Kind::NotApplicable);
        let mut draining = observed(4);
        draining.service.status = "DRAINING".into();
        assert_eq!(refused(&entry("ECS"), &draining), Kind::PreconditionFailed);
        let mut risky = observed(4);
        risky.minimum_healthy_percent = Some(0);
        assert_eq!(refused(&entry("ECS"), &risky), Kind::PreconditionFailed);
        let mut thin = observed(3);
        thin.targets = Some(Targets { healthy: 1, unhealthy: 2, other: 0 });
        assert_eq!(refused(&entry("CODE_DEPLOY"), &thin), Kind::PreconditionFailed);
        assert!(plan(&entry("ECS"), "i", &thin, None).is_ok(), "a rolling deployment adds before it removes");
        assert_eq!(refused(&samples::entry(samples::cache()), &observed(4)), Kind::NotApplicable);
    }

    #[test]
    fn a_metric_without_data_is_not_waited_for() {
        let quiet = json!({"cause": "failed-tasks", "confidence": 0.9, "snapshot": {"errorRatePercent": 50.0}});
        let quiet = Diagnosis::parse(&quiet).unwrap();
        let plan = plan(&entry("ECS"), "i", &observed(4), Some(&quiet)).unwrap();
        assert_eq!(plan.verify["metrics"], json!(["errors"]));
    }

    #[test]
    fn a_restart_is_recognised_by_a_newer_deployment() {
        let mut service = observed(4).service;
        assert!(!restarted(Some("d1"), Some(10_000), &service).unwrap());
        service.deployments = vec![deployment("d2", "IN_PROGRESS", 10_000)];
        assert!(restarted(Some("d1"), Some(10_000), &service).unwrap());
        assert!(restarted(Some("d1"), Some(10_999), &service).unwrap(), "creation times may be whole seconds");
        let error = restarted(Some("d1"), Some(11_000), &service).unwrap_err();
        assert_eq!(error.kind(), Kind::PreconditionFailed);
    }
}

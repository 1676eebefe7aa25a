//! Stopping tasks one batch at a time, for services whose controller is CodeDeploy or a third party.

use crate::RestartService;
use clients::failure;
use clients::read::ecs;
use operations::Error;
use operations::call::Call;
use operations::error::Kind;
use operations::incident::Request;
use operations::plan::restart::Task;
use operations::plan::{Change, Plan, Report};
use serde_json::{Value, json};

impl RestartService {
    /// Stops the next batch of the plan's tasks. As long as tasks of the plan remain it fails with
    /// `Ops.ResourceBusy`, so that the definition's retry continues once the service has recovered; tasks that are
    /// gone are never stopped again.
    pub(crate) async fn stop(&self, request: &Request, cluster: &str, plan: &Plan) -> Result<Report, Error> {
        let service = &request.entry.service()?.service;
        let wanted = checked(plan, cluster)?;
        let running = ecs::tasks(&self.ecs, cluster, service).await?;
        let remaining: Vec<_> = wanted.iter().filter(|(task, _)| lives(&running, task)).collect();
        let gone = wanted.len() - remaining.len();
        if !remaining.is_empty() && gone > 0 {
            self.recovered(request, cluster, plan).await?;
        }
        let batch = plan.batch.unwrap_or(1).max(1) as usize;
        for (task, reason) in remaining.iter().take(batch) {
            let sent = self.ecs.stop_task().cluster(cluster).task(*task).reason(*reason).send().await;
            sent.map_err(|error| failure::of_sdk(&format!("ecs:StopTask of {task}"), &error))?;
        }
        if remaining.len() > batch {
            let stopped = gone + batch;
            let message = format!("{stopped} of {} tasks of {service} are stopped: the rest follows", wanted.len());
            return Err(Error::new(Kind::ResourceBusy, message));
        }
        let mut report = Report::new(format!("Restarted {}: its tasks were stopped", request.entry.catalog_id));
        for (task, _) in &wanted {
            let sent = remaining.iter().any(|(other, _)| other == task);
            report.record(change(task), sent);
        }
        Ok(report)
    }

    /// Whether the service is no worse than when the plan was made.
    async fn recovered(&self, request: &Request, cluster: &str, plan: &Plan) -> Result<(), Error> {
        let target = request.entry.service()?;
        let service = ecs::service(&self.ecs, cluster, &target.service).await?.service;
        let healthy = self.targets(target).await?.map_or(service.running, |targets| targets.healthy);
        let least = plan.before.get("healthy").and_then(Value::as_u64).unwrap_or(u64::from(service.desired));
        if service.running >= service.desired && service.pending == 0 && u64::from(healthy) >= least {
            return Ok(());
        }
        let message =
            format!("{} has {healthy} healthy of {} tasks: the next batch waits", target.service, service.desired);
        Err(Error::new(Kind::ResourceBusy, message))
    }
}

/// The plan's tasks and reasons; every call must stop a task of the cluster.
fn checked<'a>(plan: &'a Plan, cluster: &str) -> Result<Vec<(&'a str, &'a str)>, Error> {
    let read = |(index, call): (usize, &'a Call)| {
        let path = format!("plan.calls[{index}]");
        let parameters = call.parameters(&path, &["cluster", "task", "reason"])?;
        if call.to_string() != "ecs:StopTask" || parameters.text("cluster")? != cluster {
            return Err(
                parameters.error("cluster", &format!("must be {cluster}, and the call ecs:StopTask: plan again"))
            );
        }
        Ok((parameters.text("task")?, parameters.text("reason")?))
    };
    plan.calls.iter().enumerate().map(read).collect()
}

fn lives(running: &[Task], task: &str) -> bool {
    running.iter().any(|other| other.arn == task)
}

fn change(task: &str) -> Change {
    Change {
        resource: task.to_owned(),
        op: "ecs:StopTask".to_owned(),
        before: json!({"status": "RUNNING"}),
        after: json!({"status": "STOPPED"}),
        undo: Vec::new(),
    }
}

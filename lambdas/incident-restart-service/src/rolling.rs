//! A forced deployment, for services whose controller is ECS.

use crate::RestartService;
use clients::failure;
use clients::read::ecs;
use operations::Error;
use operations::error::Kind;
use operations::incident::Request;
use operations::plan::restart::restarted;
use operations::plan::{Change, Plan, Report};
use operations::time::Millis;
use serde_json::{Value, json};

impl RestartService {
    /// Sends the plan's one call, unless a newer deployment shows that it was sent before.
    pub(crate) async fn roll(
        &self,
        request: &Request,
        cluster: &str,
        plan: &Plan,
        intended: Option<Millis>,
    ) -> Result<Report, Error> {
        let name = &request.entry.service()?.service;
        check(plan, cluster, name)?;
        let service = ecs::service(&self.ecs, cluster, name).await?.service;
        let before = plan.before.get("deployment").and_then(Value::as_str);
        if restarted(before, intended, &service)? {
            let mut report = Report::new(format!("{} was already restarted", request.entry.catalog_id));
            let deployment = service.primary().map(|primary| primary.id.clone());
            report.record(change(request, plan, json!({"deployment": deployment})), false);
            return Ok(report);
        }
        if service.deploying() {
            let message = format!("a deployment of {name} is running: wait for it or stop it");
            return Err(Error::new(Kind::DeploymentInProgress, message));
        }
        let sent = self.ecs.update_service().cluster(cluster).service(name).force_new_deployment(true).send().await;
        let answer = sent.map_err(|error| failure::of_sdk(&format!("ecs:UpdateService of {name}"), &error))?;
        let deployments = answer.service().map(|service| service.deployments()).unwrap_or_default();
        let primary = deployments.iter().find(|deployment| deployment.status() == Some("PRIMARY"));
        let after = json!({"deployment": primary.and_then(|deployment| deployment.id())});
        let mut report = Report::new(format!("Restarting {}: a new deployment began", request.entry.catalog_id));
        report.record(change(request, plan, after), true);
        Ok(report)
    }
}

/// The plan must be one forced deployment of the entry's own service and nothing else.
fn check(plan: &Plan, cluster: &str, service: &str) -> Result<(), Error> {
    let [call] = plan.calls.as_slice() else {
        return Err(Error::new(Kind::InvalidInput, "plan.calls must be one call: plan again"));
    };
    let parameters = call.parameters("plan.calls[0]", &["cluster", "service", "forceNewDeployment"])?;
    if parameters.text("cluster")? != cluster || parameters.text("service")? != service {
        return Err(parameters.error("service", &format!("is not {service} in cluster {cluster}: plan again")));
    }
    if !parameters.flag("forceNewDeployment")? {
        return Err(parameters.error("forceNewDeployment", "must be true: without it nothing restarts"));
    }
    Ok(())
}

fn change(request: &Request, plan: &Plan, after: Value) -> Change {
    Change {
        resource: request.entry.arn.clone(),
        op: "ecs:UpdateService".to_owned(),
        before: plan.before.clone(),
        after,
        undo: Vec::new(),
    }
}

//! The operations `act` and `undo`: they look before they send, and send absolute values.

use crate::AutoScalingOptimizer;
use crate::request::Request;
use aws_sdk_applicationautoscaling::types as scaling;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use clients::failure;
use operations::Error;
use operations::call::Call;
use operations::plan::{Change, Plan, Report};
use operations::scaling::change::{Need, Part, Tracking, checked, to_act, to_undo};
use serde_json::Value;

impl AutoScalingOptimizer {
    /// Sends the plan's calls, each unless it has been. All are judged before one is sent.
    pub(crate) async fn act(&self, plan: &Plan, request: &Request) -> Result<Report, Error> {
        let resource = &request.place.resource;
        let parts = checked("plan.calls", &plan.calls, resource)?;
        let back = checked("plan.undo", &plan.undo, resource)?;
        let needs = to_act(plan, &parts, &self.world(resource).await?)?;
        let mut report = Report::new(plan.summary.clone());
        for ((part, call), need) in parts.iter().zip(&plan.calls).zip(needs) {
            let own = back.iter().zip(&plan.undo).filter(|(back, _)| back.same_part(part));
            let undo = own.map(|(_, call)| call.clone()).collect();
            self.make(&mut report, request, (part, call, undo), need).await?;
        }
        Ok(report)
    }

    /// Sends the plan's undo, each call only while what it sets is still what this plan made it.
    pub(crate) async fn undo(&self, plan: &Plan, request: &Request) -> Result<Report, Error> {
        let resource = &request.place.resource;
        let parts = checked("plan.undo", &plan.undo, resource)?;
        let needs = to_undo(plan, &parts, &self.world(resource).await?)?;
        let mut report = Report::new(String::new());
        let mut left = Vec::new();
        for ((part, call), need) in parts.iter().zip(&plan.undo).zip(needs) {
            match need {
                Need::Leave(text) => left.push(text),
                need => self.make(&mut report, request, (part, call, Vec::new()), need).await?,
            }
        }
        report.summary = summary(&request.entry.catalog_id, &report, &left);
        Ok(report)
    }

    async fn make(
        &self,
        report: &mut Report,
        request: &Request,
        (part, call, undo): (&Part, &Call, Vec<Call>),
        need: Need,
    ) -> Result<(), Error> {
        let (before, sent) = match need {
            Need::Send(now) => (now.to_json(), true),
            Need::Done | Need::Leave(_) => (part.to_json(), false),
        };
        if sent {
            self.send(part, &request.place.resource).await?;
        }
        let change = change(request, call, before, part.to_json(), undo);
        report.record(change, sent);
        Ok(())
    }

    /// Sends what sets a part.
    async fn send(&self, part: &Part, resource: &str) -> Result<(), Error> {
        let dimension = ScalableDimension::EcsServiceDesiredCount;
        match part {
            Part::Limits(min, max) => {
                let request = self.scaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
                let request = request.resource_id(resource).scalable_dimension(dimension);
                let sent = request.min_capacity(number(*min)).max_capacity(number(*max)).send().await;
                let call = format!("application-autoscaling:RegisterScalableTarget of {resource}");
                sent.map(drop).map_err(|error| failure::of_sdk(&call, &error))
            }
            Part::Policy(policy) => {
                let call = format!("application-autoscaling:PutScalingPolicy of {}", policy.name);
                let request = self.scaling.put_scaling_policy().service_namespace(ServiceNamespace::Ecs);
                let request = request.resource_id(resource).scalable_dimension(dimension).policy_name(&policy.name);
                let request = request.policy_type(scaling::PolicyType::TargetTrackingScaling);
                let sent = request.target_tracking_scaling_policy_configuration(tracking(policy)?).send().await;
                sent.map(drop).map_err(|error| failure::of_sdk(&call, &error))
            }
            Part::Action(action) => {
                let call = format!("application-autoscaling:PutScheduledAction of {}", action.name);
                let limits = scaling::ScalableTargetAction::builder()
                    .set_min_capacity(action.min_capacity.map(number))
                    .set_max_capacity(action.max_capacity.map(number))
                    .build();
                let request = self.scaling.put_scheduled_action().service_namespace(ServiceNamespace::Ecs);
                let request = request.resource_id(resource).scalable_dimension(dimension);
                let request = request.scheduled_action_name(&action.name).schedule(&action.schedule);
                let sent = request.scalable_target_action(limits).send().await;
                sent.map(drop).map_err(|error| failure::of_sdk(&call, &error))
            }
            Part::NoAction(name) => {
                let call = format!("application-autoscaling:DeleteScheduledAction of {name}");
                let request = self.scaling.delete_scheduled_action().service_namespace(ServiceNamespace::Ecs);
                let request = request.resource_id(resource).scalable_dimension(dimension);
                let sent = request.scheduled_action_name(name).send().await;
                sent.map(drop).map_err(|error| failure::of_sdk(&call, &error))
            }
        }
    }
}

fn tracking(policy: &Tracking) -> Result<scaling::TargetTrackingScalingPolicyConfiguration, Error> {
    let unbuilt = |problem: aws_smithy_types::error::operation::BuildError| {
        Error::new(operations::error::Kind::InvalidInput, format!("the policy {}: {problem}: plan again", policy.name))
    };
    let metric = scaling::PredefinedMetricSpecification::builder()
        .predefined_metric_type(scaling::MetricType::from(policy.metric.as_str()))
        .build()
        .map_err(unbuilt)?;
    scaling::TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(policy.target)
        .predefined_metric_specification(metric)
        .scale_out_cooldown(number(policy.scale_out_cooldown))
        .scale_in_cooldown(number(policy.scale_in_cooldown))
        .build()
        .map_err(unbuilt)
}

fn change(request: &Request, call: &Call, before: Value, after: Value, undo: Vec<Call>) -> Change {
    Change { resource: request.entry.arn.clone(), op: call.to_string(), before, after, undo }
}

/// What an undo did, and what it left alone.
fn summary(name: &str, report: &Report, left: &[String]) -> String {
    let did = match (report.performed, report.already_done) {
        (0, 0) => format!("Nothing of the autoscaling of {name} was taken back"),
        (0, _) => format!("The autoscaling of {name} is as it was before"),
        _ => format!("Restored the autoscaling of {name}"),
    };
    std::iter::once(did).chain(left.iter().cloned()).collect::<Vec<_>>().join("; ")
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_undo_says_what_it_left_alone() {
        let mut report = Report::new("");
        let left = ["{\"maxCapacity\":18} was changed since: it stays".to_owned()];
        let told = summary("api", &report, &left);
        assert_eq!(
            told,
            "Nothing of the autoscaling of api was taken back; {\"maxCapacity\":18} was changed since: it stays"
        );
        let change =
            Change { resource: "arn".to_owned(), op: "x".to_owned(), before: json!(1), after: json!(2), undo: vec![] };
        report.record(change.clone(), false);
        assert_eq!(summary("api", &report, &[]), "The autoscaling of api is as it was before");
        report.record(change, true);
        assert_eq!(summary("api", &report, &[]), "Restored the autoscaling of api");
    }

    #[test]
    fn the_call_that_is_sent_carries_what_the_plan_says() {
        let policy = Tracking {
            name: "api-cpu".to_owned(),
            metric: "ECSServiceAverageCPUUtilizationHighResolution".to_owned(),
            target: 55.0,
            scale_out_cooldown: 60,
            scale_in_cooldown: 450,
        };
        let sent = tracking(&policy).unwrap();
        assert_eq!(
            (sent.target_value(), sent.scale_out_cooldown(), sent.scale_in_cooldown()),
            (55.0, Some(60), Some(450))
        );
        let metric = sent.predefined_metric_specification().unwrap().predefined_metric_type();
        assert_eq!(metric.as_str(), policy.metric);
        assert_eq!(sent.disable_scale_in(), None, "a policy that never scales in has no settings");
    }
}

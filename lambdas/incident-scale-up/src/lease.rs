//! The lease on a service's raised capacity: taken before the limits are raised, given back when it ends.

use crate::ScaleUp;
use crate::service::{Step, limits_json, resource_id};
use operations::Error;
use operations::catalogue::EcsService;
use operations::error::Kind;
use operations::field::Object;
use operations::incident::Request;
use operations::plan::capacity::Scaling;
use operations::plan::capacity_lease::{Hold, Outcome, Record};
use operations::plan::{Change, Plan, Report};
use serde_json::{Value, json};

impl ScaleUp {
    /// The record with the payload's lease in it. Changes nothing.
    pub(crate) async fn hold(&self, payload: &Value, request: &Request) -> Result<Value, Error> {
        let plan = Plan::of_payload(payload)?;
        let service = request.entry.service()?;
        let cluster = self.services.environment.cluster(service)?;
        let held = held(&plan, service, &cluster)?;
        let (payload, lease) = lease(payload)?;
        let lease = lease.ok_or_else(|| payload.error("lease", "is missing: it needs id, until and record"))?;
        let limits = self.limits(service, &cluster).await?.ok_or_else(|| {
            Error::new(Kind::PreconditionFailed, "autoscaling was removed since the plan was made: plan again")
        })?;
        let until = lease.integer("until")?;
        let record = Record::hold(Record::of_lease(&lease)?, lease.text("id")?, held.limits, until, limits);
        Ok(json!({"record": record}))
    }

    /// Sets the limits that the end of the payload's lease asks for, unless they are in effect or somebody else's;
    /// `None` where the payload has no lease. Sends nothing after `heldUntil`.
    pub(crate) async fn release(
        &self,
        payload: &Value,
        plan: &Plan,
        request: &Request,
        service: &EcsService,
    ) -> Result<Option<Value>, Error> {
        let Some(lease) = lease(payload)?.1 else { return Ok(None) };
        let cluster = self.services.environment.cluster(service)?;
        held(plan, service, &cluster)?;
        let record = Record::of_lease(&lease)?
            .ok_or_else(|| lease.error("record", "is missing: without it there is no lease to give back"))?;
        let now = self.limits(service, &cluster).await?;
        let clock = self.services.clock.now();
        if lease.optional_integer("heldUntil")?.is_some_and(|until| clock >= until) {
            let message =
                "lease.heldUntil has passed: somebody else may be changing the resource; take its lease again";
            return Err(Error::new(Kind::PreconditionFailed, message));
        }
        let release = record.release(lease.text("id")?, clock, now);
        if let Some(limits) = release.limits {
            self.take(&Step::Limits(limits), service, &cluster).await?;
        }
        let mut report = Report::new(summary(request, release.outcome, &record, release.limits.or(now)));
        if let Some(after) = release.limits.or(now) {
            report.record(change(request, now, after), release.limits.is_some());
        }
        let mut answer = report.to_json();
        answer["outcome"] = json!(release.outcome);
        answer["record"] = json!(release.record);
        Ok(Some(answer))
    }
}

/// The payload, and its field `lease`.
fn lease(payload: &Value) -> Result<(Object<'_>, Option<Object<'_>>), Error> {
    let payload = Object::of(payload, "", Kind::InvalidInput)?;
    let lease = payload.optional_object("lease")?;
    Ok((payload, lease))
}

/// What the plan holds, which must be capacity of this very service.
fn held<'a>(plan: &'a Plan, service: &EcsService, cluster: &str) -> Result<&'a Hold, Error> {
    let own = resource_id(service, cluster);
    plan.lease.as_ref().filter(|held| held.resource == own).ok_or_else(|| {
        Error::new(
            Kind::InvalidInput,
            format!("plan.lease.resource must be {own}: pass the plan that raised its limits"),
        )
    })
}

fn summary(request: &Request, outcome: Outcome, record: &Record, limits: Option<Scaling>) -> String {
    let name = &request.entry.catalog_id;
    let range = |limits: Scaling| format!("{} to {} tasks", limits.min, limits.max);
    let now = limits.map_or_else(|| "nothing".to_owned(), range);
    match outcome {
        Outcome::Restored => format!("The capacity lease on {name} is over: autoscaling keeps {now} again"),
        Outcome::Kept => format!("The capacity lease on {name} is over; others still need it: autoscaling keeps {now}"),
        Outcome::Left => format!(
            "The capacity lease on {name} is over, but somebody else has changed its limits: they stay at {now} and do \
             not go back to {}",
            range(record.original)
        ),
    }
}

fn change(request: &Request, before: Option<Scaling>, after: Scaling) -> Change {
    let op = "application-autoscaling:RegisterScalableTarget".to_owned();
    let after = limits_json(Some(after));
    Change { resource: request.entry.arn.clone(), op, before: limits_json(before), after, undo: Vec::new() }
}

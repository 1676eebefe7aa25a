//! How long the logs of a service are kept.

use crate::CostOptimizationAnalyzer;
use crate::request::Request;
use clients::failure;
use operations::Error;
use operations::call::Call;
use operations::cost::retention;
use operations::error::Kind;
use operations::plan::{Change, Plan, Report};
use operations::proposal::Proposal;
use serde_json::json;

/// A log group as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Group {
    /// For how many days events are kept; `None` for ever.
    pub(crate) days: Option<u32>,
    /// Bytes that are stored.
    pub(crate) stored: f64,
}

impl CostOptimizationAnalyzer {
    pub(crate) async fn plan_retention(&self, request: &Request, proposal: &Proposal) -> Result<Plan, Error> {
        let (group, _) = retention::state("proposal.current", &proposal.current)?;
        let groups = self.own_groups(request).await?;
        let now = self.group(&group).await?;
        retention::plan(&request.entry, proposal, &groups, now.days)
    }

    /// Sends the plan's call, unless its effect is there.
    pub(crate) async fn keep(&self, request: &Request, plan: &Plan) -> Result<Report, Error> {
        let (group, wanted, call) = self.checked(request, "plan.calls", &plan.calls).await?;
        let (_, before) = retention::state("plan.before", &plan.before)?;
        let now = self.group(&group).await?.days;
        if now != wanted && now != before {
            let message = format!("the retention of {group} was changed since the plan was made: plan again");
            return Err(Error::new(Kind::PreconditionFailed, message));
        }
        let mut report = Report::new(plan.summary.clone());
        if now != wanted {
            self.set_retention(&group, wanted).await?;
        }
        report.record(changed(call, now, wanted, &plan.undo), now != wanted);
        Ok(report)
    }

    /// Sends the plan's undo while the retention is still the one the plan set.
    pub(crate) async fn restore_retention(&self, request: &Request, plan: &Plan) -> Result<Report, Error> {
        let (group, wanted, call) = self.checked(request, "plan.undo", &plan.undo).await?;
        let (_, after) = retention::state("plan.after", &plan.after)?;
        let now = self.group(&group).await?.days;
        let ours = now == after && now != wanted;
        let mut report = Report::new(if now == after || now == wanted {
            format!("Restored the retention of {group}; events that have expired are gone")
        } else {
            format!("The retention of {group} was changed since, and stays")
        });
        if ours {
            self.set_retention(&group, wanted).await?;
        }
        report.record(changed(call, now, wanted, &[]), ours);
        Ok(report)
    }

    /// The only call, of a log group of this service: the group, and for how many days it keeps events.
    async fn checked<'a>(
        &self,
        request: &Request,
        path: &str,
        calls: &'a [Call],
    ) -> Result<(String, Option<u32>, &'a Call), Error> {
        let [call] = calls else {
            return Err(Error::new(Kind::InvalidInput, format!("{path} must be one call: plan again")));
        };
        let (group, days) = retention::of_call(&format!("{path}[0]"), call)?;
        if !self.own_groups(request).await?.contains(&group) {
            let message = format!("{path}[0] is of {group}, which is no log group of {}", request.entry.catalog_id);
            return Err(Error::new(Kind::InvalidInput, format!("{message}: plan again")));
        }
        Ok((group, days, call))
    }

    /// The log groups of the service's containers.
    async fn own_groups(&self, request: &Request) -> Result<Vec<String>, Error> {
        let service = self.service(request).await?;
        Ok(self.document(&service.world.task_definition).await?.log_groups())
    }

    /// A log group as it is.
    pub(crate) async fn group(&self, name: &str) -> Result<Group, Error> {
        let call = format!("logs:DescribeLogGroups of {name}");
        let mut next = None;
        loop {
            let request = self.logs.describe_log_groups().log_group_name_prefix(name).set_next_token(next);
            let page = request.send().await.map_err(|error| failure::of_sdk(&call, &error))?;
            if let Some(found) = page.log_groups().iter().find(|group| group.log_group_name() == Some(name)) {
                let days = found.retention_in_days().and_then(|days| u32::try_from(days).ok());
                return Ok(Group { days, stored: found.stored_bytes().unwrap_or(0) as f64 });
            }
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Err(Error::new(Kind::ConfigInvalid, format!("log group {name} does not exist: create it")));
            }
        }
    }

    async fn set_retention(&self, group: &str, days: Option<u32>) -> Result<(), Error> {
        match days {
            Some(days) => {
                let days = i32::try_from(days).unwrap_or(i32::MAX);
                let sent = self.logs.put_retention_policy().log_group_name(group).retention_in_days(days).send().await;
                let call = format!("logs:PutRetentionPolicy of {group}");
                sent.map(drop).map_err(|error| failure::of_sdk(&call, &error))
            }
            None => {
                let sent = self.logs.delete_retention_policy().log_group_name(group).send().await;
                let call = format!("logs:DeleteRetentionPolicy of {group}");
                sent.map(drop).map_err(|error| failure::of_sdk(&call, &error))
            }
        }
    }
}

fn changed(call: &Call, before: Option<u32>, after: Option<u32>, undo: &[Call]) -> Change {
    Change {
        resource: call.parameters["logGroupName"].as_str().unwrap_or_default().to_owned(),
        op: call.to_string(),
        before: json!({"retentionInDays": before}),
        after: json!({"retentionInDays": after}),
        undo: undo.to_vec(),
    }
}

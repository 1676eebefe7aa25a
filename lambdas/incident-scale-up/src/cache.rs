//! A larger node type for a replication group.

use crate::{ScaleUp, only_call};
use clients::failure;
use clients::read::stores;
use operations::Error;
use operations::catalogue::{Cache, Entry};
use operations::error::Kind;
use operations::incident::Request;
use operations::plan::node_type::{self, Observed};
use operations::plan::{Change, Plan, Report};
use serde_json::json;

impl ScaleUp {
    pub(crate) async fn plan_cache(&self, entry: &Entry, cache: &Cache) -> Result<Plan, Error> {
        let group_id = self.services.environment.replication_group(cache)?;
        let (found, allowed) = tokio::try_join!(
            stores::replication_group(&self.cache, &group_id),
            stores::larger_node_types(&self.cache, &group_id),
        )?;
        let observed = Observed {
            group_id,
            node_type: found.store.class,
            status: found.store.status,
            pending: found.store.pending,
        };
        node_type::plan(entry, &observed, &allowed)
    }

    /// Sends the plan's one call, unless the node type is there. While a group is resized it says the old type and
    /// `modifying`, so a repeated call then fails with `Ops.ResourceBusy` and the retry finds it done.
    pub(crate) async fn modify_cache(&self, request: &Request, cache: &Cache, plan: &Plan) -> Result<Report, Error> {
        let id = self.services.environment.replication_group(cache)?;
        let call = only_call(plan, "elasticache:ModifyReplicationGroup")?;
        let known = ["ReplicationGroupId", "CacheNodeType", "ApplyImmediately"];
        let parameters = call.parameters("plan.calls[0]", &known)?;
        let node_type = parameters.text("CacheNodeType")?;
        if parameters.text("ReplicationGroupId")? != id || !parameters.flag("ApplyImmediately")? {
            return Err(parameters.error("ReplicationGroupId", &format!("must be {id}, applied at once: plan again")));
        }
        let found = stores::replication_group(&self.cache, &id).await?.store;
        let done = operations::plan::database::modified(node_type, &found.class, None)?;
        if !done {
            if found.status != "available" {
                let message = format!("replication group {id} is {:?}: wait until it is available", found.status);
                return Err(Error::new(Kind::ResourceBusy, message));
            }
            let modify = self.cache.modify_replication_group().replication_group_id(&id).cache_node_type(node_type);
            let sent = modify.apply_immediately(true).send().await;
            sent.map_err(|error| failure::of_sdk(&format!("elasticache:ModifyReplicationGroup of {id}"), &error))?;
        }
        let change = Change {
            resource: request.entry.arn.clone(),
            op: call.to_string(),
            before: json!({"nodeType": found.class}),
            after: json!({"nodeType": node_type}),
            undo: plan.manual_undo.clone(),
        };
        let mut report = Report::new(plan.summary.clone());
        report.record(change, !done);
        Ok(report)
    }
}

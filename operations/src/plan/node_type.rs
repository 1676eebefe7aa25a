//! A larger node type for a replication group.

use super::{Plan, size};
use crate::call::Call;
use crate::catalogue::Entry;
use crate::error::{Error, Kind};
use crate::verify::{Request, Watch};
use serde_json::json;

/// Seconds until a modification that has not completed counts as failed.
const DEADLINE_SECONDS: u32 = 3600;

/// What is known about the replication group before it is modified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The group's id.
    pub group_id: String,
    /// Its nodes' type.
    pub node_type: String,
    /// Its status.
    pub status: String,
    /// Whether modifications are pending.
    pub pending: bool,
}

/// Plans the next larger node type of the same family among the `allowed` modifications.
///
/// A replication group is resized online as a whole; its member clusters are never modified one by one.
///
/// # Errors
/// `Ops.ResourceBusy` unless the group is available without pending changes, `Ops.NotApplicable` when no larger
/// node type is allowed, or for another kind of resource.
pub fn plan(entry: &Entry, observed: &Observed, allowed: &[String]) -> Result<Plan, Error> {
    entry.cache()?;
    let id = &observed.group_id;
    if observed.status != "available" || observed.pending {
        let pending = if observed.pending { " with pending changes" } else { "" };
        let message = format!("replication group {id} is {:?}{pending}: wait until it is available", observed.status);
        return Err(Error::new(Kind::ResourceBusy, message));
    }
    let largest = entry.limits.max_class.as_deref();
    let next = size::next_larger(&observed.node_type, allowed, largest).ok_or_else(|| {
        let message = format!("no node type larger than {} is allowed for {id}: add a shard", observed.node_type);
        Error::new(Kind::NotApplicable, message)
    })?;
    let modify = |node_type: &str| {
        let parameters = json!({"ReplicationGroupId": id, "CacheNodeType": node_type, "ApplyImmediately": true});
        Call::new("elasticache", "ModifyReplicationGroup", parameters)
    };
    let mut verify = Request::new(Watch::Elasticache { node_type: next.to_owned() }, DEADLINE_SECONDS);
    // What the catalogue gives a limit for must be within it: a larger node type is only the means.
    let limits = [("cpu", entry.slo.cpu_percent), ("memory", entry.slo.memory_percent)];
    verify.metrics = limits.iter().filter(|(_, limit)| limit.is_some()).map(|(name, _)| (*name).to_owned()).collect();
    Ok(Plan {
        calls: vec![modify(next)],
        undo: Vec::new(),
        before: json!({"nodeType": observed.node_type, "status": observed.status}),
        after: json!({"nodeType": next, "status": "available"}),
        verify: verify.to_json(),
        summary: format!("Change cache {id} from {} to {next}, online", observed.node_type),
        irreversible: true,
        manual_undo: vec![modify(&observed.node_type)],
        batch: None,
        lease: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;

    fn observed() -> Observed {
        Observed {
            group_id: "catalog-cache".into(),
            node_type: "cache.r6g.large".into(),
            status: "available".into(),
            pending: false,
        }
    }

    #[test]
    fn the_group_is_modified_as_a_whole() {
        let allowed = ["cache.r6g.2xlarge", "cache.r6g.xlarge", "cache.m6g.xlarge"].map(str::to_owned);
        let plan = plan(&samples::entry(samples::cache()), &observed(), &allowed).unwrap();
        assert_eq!(plan.calls.len(), 1);
        assert_eq!(plan.calls[0].to_string(), "elasticache:ModifyReplicationGroup");
        assert_eq!(plan.calls[0].parameters["CacheNodeType"], "cache.r6g.xlarge");
        assert_eq!(plan.verify["metrics"], json!([]), "the catalogue gives no limit");
    }

    #[test]
    fn what_has_a_limit_in_the_catalogue_is_verified() {
        let mut item = samples::cache();
        item["slo"] = json!({"memoryPercent": 90, "cpuPercent": 70});
        let plan = plan(&samples::entry(item), &observed(), &["cache.r6g.xlarge".to_owned()]).unwrap();
        assert_eq!(plan.verify["metrics"], json!(["cpu", "memory"]));
    }

    #[test]
    fn nothing_larger_is_not_applicable_instead_of_a_false_success() {
        let entry = samples::entry(samples::cache());
        assert_eq!(plan(&entry, &observed(), &[]).unwrap_err().kind(), Kind::NotApplicable);
        let busy = Observed { status: "modifying".into(), ..observed() };
        assert_eq!(plan(&entry, &busy, &[]).unwrap_err().kind(), Kind::ResourceBusy);
    }
}

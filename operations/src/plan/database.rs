//! A larger class for a database instance.

use super::{Plan, size};
use crate::call::Call;
use crate::catalogue::{Entry, Resource};
use crate::error::{Error, Kind};
use crate::verify::{Request, Watch};
use serde_json::json;

/// Seconds until a modification that has not completed counts as failed.
const DEADLINE_SECONDS: u32 = 3600;

/// What is known about the instance before it is modified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The instance's identifier.
    pub instance_id: String,
    /// Its class.
    pub class: String,
    /// Its status.
    pub status: String,
    /// Whether a standby takes over during the modification.
    pub multi_az: bool,
    /// Whether modifications are pending.
    pub pending: bool,
}

/// Plans the next larger class of the same family among those `orderable` for the instance's engine.
///
/// Going back needs another outage, so automation never does: the way back is recorded for a person.
///
/// # Errors
/// `Ops.ResourceBusy` unless the instance is available without pending changes, `Ops.NotApplicable` when there is
/// no larger class, or another kind of resource.
pub fn plan(entry: &Entry, observed: &Observed, orderable: &[String]) -> Result<Plan, Error> {
    if !matches!(entry.resource, Resource::Database(_)) {
        return Err(entry.not_applicable("an rds"));
    }
    let id = &observed.instance_id;
    if observed.status != "available" || observed.pending {
        let pending = if observed.pending { " with pending changes" } else { "" };
        let message = format!("database {id} is {:?}{pending}: wait until it is available", observed.status);
        return Err(Error::new(Kind::ResourceBusy, message));
    }
    let next = size::next_larger(&observed.class, orderable, entry.limits.max_class.as_deref()).ok_or_else(|| {
        let message =
            format!("no class larger than {} is offered for {id} within its limits: add a reader", observed.class);
        Error::new(Kind::NotApplicable, message)
    })?;
    let modify = |class: &str| {
        let parameters = json!({"DBInstanceIdentifier": id, "DBInstanceClass": class, "ApplyImmediately": true});
        Call::new("rds", "ModifyDBInstance", parameters)
    };
    let outage = if observed.multi_az {
        "a failover of 1 to 2 minutes"
    } else {
        "several minutes without the database, which has no standby"
    };
    let mut verify = Request::new(Watch::RdsInstance { instance_class: next.to_owned() }, DEADLINE_SECONDS);
    // A larger class is the means; the end is a processor within its limit.
    verify.metrics = vec!["cpu".to_owned()];
    Ok(Plan {
        calls: vec![modify(next)],
        undo: Vec::new(),
        before: json!({"instanceClass": observed.class, "status": observed.status}),
        after: json!({"instanceClass": next, "status": "available"}),
        verify: verify.to_json(),
        summary: format!("Change database {id} from {} to {next}; expect {outage}", observed.class),
        irreversible: true,
        manual_undo: vec![modify(&observed.class)],
        batch: None,
        lease: None,
    })
}

/// Whether a call's class is in effect or on its way, given the instance's class and its pending one.
///
/// # Errors
/// `Ops.PreconditionFailed` when the class would be lowered: somebody made it larger than planned.
pub fn modified(wanted: &str, class: &str, pending: Option<&str>) -> Result<bool, Error> {
    if class == wanted || pending == Some(wanted) {
        return Ok(true);
    }
    match [Some(class), pending].into_iter().flatten().find(|now| size::larger(now, wanted)) {
        Some(now) => {
            let message = format!("it is or becomes a {now}, larger than the planned {wanted}: plan again");
            Err(Error::new(Kind::PreconditionFailed, message))
        }
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests as samples;

    fn observed() -> Observed {
        Observed {
            instance_id: "orders-db".into(),
            class: "db.r6g.large".into(),
            status: "available".into(),
            multi_az: true,
            pending: false,
        }
    }

    fn orderable() -> Vec<String> {
        ["db.r6g.large", "db.r6g.xlarge", "db.r6g.2xlarge", "db.t4g.medium"].map(str::to_owned).to_vec()
    }

    #[test]
    fn the_next_class_is_planned_and_the_way_back_is_for_a_person() {
        let plan = plan(&samples::entry(samples::database()), &observed(), &orderable()).unwrap();
        assert_eq!(
            plan.calls[0].parameters,
            json!({"DBInstanceIdentifier": "orders-db", "DBInstanceClass": "db.r6g.xlarge", "ApplyImmediately": true})
        );
        assert!(plan.irreversible && plan.undo.is_empty());
        assert_eq!(plan.verify["metrics"], json!(["cpu"]), "the class alone does not show that the trouble is gone");
        assert_eq!(plan.manual_undo[0].parameters["DBInstanceClass"], "db.r6g.large");
        assert_eq!(
            plan.summary,
            "Change database orders-db from db.r6g.large to db.r6g.xlarge; expect a failover of 1 to 2 minutes"
        );
    }

    #[test]
    fn a_busy_or_largest_instance_is_refused() {
        let entry = samples::entry(samples::database());
        let kind = |observed: Observed, offered: &[String]| plan(&entry, &observed, offered).unwrap_err().kind();
        assert_eq!(kind(Observed { status: "modifying".into(), ..observed() }, &orderable()), Kind::ResourceBusy);
        assert_eq!(kind(Observed { pending: true, ..observed() }, &orderable()), Kind::ResourceBusy);
        assert_eq!(kind(Observed { class: "db.r6g.2xlarge".into(), ..observed() }, &orderable()), Kind::NotApplicable);
        assert_eq!(kind(observed(), &[]), Kind::NotApplicable);
    }

    #[test]
    fn a_class_is_never_lowered() {
        assert!(modified("db.r6g.xlarge", "db.r6g.xlarge", None).unwrap());
        assert!(modified("db.r6g.xlarge", "db.r6g.large", Some("db.r6g.xlarge")).unwrap());
        assert!(!modified("db.r6g.xlarge", "db.r6g.large", None).unwrap());
        assert!(modified("db.r6g.xlarge", "db.r6g.4xlarge", None).is_err());
    }
}

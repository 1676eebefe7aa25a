//! A larger class for a database instance.

use crate::{ScaleUp, only_call};
use clients::failure;
use clients::read::stores;
use operations::Error;
use operations::catalogue::{Database, Entry};
use operations::error::Kind;
use operations::incident::Request;
use operations::plan::database::{self, Observed};
use operations::plan::{Change, Plan, Report};
use serde_json::json;

impl ScaleUp {
    pub(crate) async fn plan_database(&self, entry: &Entry, database: &Database) -> Result<Plan, Error> {
        let instance_id = self.services.environment.database(database)?;
        let found = stores::database(&self.rds, &instance_id).await?;
        let orderable = stores::orderable(&self.rds, &found.engine, &found.engine_version).await?;
        let observed = Observed {
            instance_id,
            class: found.store.class,
            status: found.store.status,
            multi_az: found.multi_az,
            pending: found.store.pending,
        };
        database::plan(entry, &observed, &orderable)
    }

    /// Sends the plan's one call, unless the class is there or on its way.
    pub(crate) async fn modify_database(
        &self,
        request: &Request,
        database: &Database,
        plan: &Plan,
    ) -> Result<Report, Error> {
        let id = self.services.environment.database(database)?;
        let call = only_call(plan, "rds:ModifyDBInstance")?;
        let known = ["DBInstanceIdentifier", "DBInstanceClass", "ApplyImmediately"];
        let parameters = call.parameters("plan.calls[0]", &known)?;
        let class = parameters.text("DBInstanceClass")?;
        if parameters.text("DBInstanceIdentifier")? != id || !parameters.flag("ApplyImmediately")? {
            return Err(parameters.error("DBInstanceIdentifier", &format!("must be {id}, applied at once: plan again")));
        }
        let found = stores::database(&self.rds, &id).await?;
        let done = database::modified(class, &found.store.class, found.pending_class.as_deref())?;
        if !done {
            if found.store.status != "available" {
                let message = format!("database {id} is {:?}: wait until it is available", found.store.status);
                return Err(Error::new(Kind::ResourceBusy, message));
            }
            let modify = self.rds.modify_db_instance().db_instance_identifier(&id).db_instance_class(class);
            let sent = modify.apply_immediately(true).send().await;
            sent.map_err(|error| failure::of_sdk(&format!("rds:ModifyDBInstance of {id}"), &error))?;
        }
        let change = Change {
            resource: request.entry.arn.clone(),
            op: call.to_string(),
            before: json!({"instanceClass": found.store.class}),
            after: json!({"instanceClass": class}),
            undo: plan.manual_undo.clone(),
        };
        let mut report = Report::new(plan.summary.clone());
        report.record(change, !done);
        Ok(report)
    }
}

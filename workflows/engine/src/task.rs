//! Tasks in the hands of strangers: handed out to workers, answered by token.

use std::sync::Arc;
use std::time::Duration;

use asl::Value;
use execution::{Input, TaskId};

use crate::activity::{Asked, Claim};
use crate::arn;
use crate::core::Core;
use crate::description::{Activity, ActivityTask, Tag};
use crate::exception::Error;
use crate::store::{Ticket, write};
use crate::tag;
use crate::token;

impl Core {
    pub(crate) async fn create_activity(
        &self,
        name: &str,
        tags: Vec<Tag>,
        encryption: Option<Value>,
    ) -> Result<Activity, Error> {
        self.config.names.check(name)?;
        let tags = tag::merged(Vec::new(), tags)?;
        let arn = self.place.activity(name);
        let _change = self.changes.lock().await;
        if let Some(activity) = self.activities.find(&arn) {
            let same = encryption.is_none() || activity.encryption == encryption;
            return if same { Ok(activity) } else { Err(Error::ActivityAlreadyExists(arn)) };
        }
        if self.activities.count() >= self.config.quotas.activities {
            return Err(Error::ActivityLimitExceeded);
        }
        let creation_date = self.config.clock.now();
        let activity = Activity { arn: arn.into(), name: name.into(), creation_date, tags, encryption };
        self.records.committer.write(vec![write::activity(&activity)]).durable().await?;
        self.activities.add(activity.clone());
        Ok(activity)
    }

    /// The activity of this ARN.
    pub(crate) fn activity(&self, arn: &str) -> Result<Activity, Error> {
        arn::resource(arn, "activity")?;
        self.activities.find(arn).ok_or_else(|| Error::ActivityDoesNotExist(arn.to_owned()))
    }

    pub(crate) async fn delete_activity(&self, arn: &str) -> Result<(), Error> {
        arn::resource(arn, "activity")?;
        let _change = self.changes.lock().await;
        self.records.committer.write(vec![write::no_activity(arn)]).durable().await?;
        self.activities.remove(arn);
        Ok(())
    }

    /// The next task of an activity, waiting up to `hold` of real time.
    pub(crate) async fn next_task(
        &self,
        arn: &str,
        worker_name: Option<Arc<str>>,
        hold: Duration,
    ) -> Result<Option<ActivityTask>, Error> {
        let activity = self.activity(arn)?.arn;
        let over = tokio::time::sleep(hold);
        tokio::pin!(over);
        loop {
            let claim = match self.activities.ask(&activity, self.config.quotas.pollers)? {
                Asked::Task(claim) => claim,
                Asked::Place(place) => tokio::select! {
                    biased;
                    claim = place => match claim {
                        Ok(claim) => claim,
                        // Sent away: the engine shuts down.
                        Err(_) => return Ok(None),
                    },
                    () = &mut over => return Ok(None),
                },
            };
            if let Some(task) = self.hand_out(claim, worker_name.clone()).await? {
                return Ok(Some(task));
            }
        }
    }

    /// Begins a claimed task, durably; `None` where it is stale. Where the worker goes away meanwhile, the claim puts
    /// the task back.
    async fn hand_out(&self, mut claim: Claim, worker_name: Option<Arc<str>>) -> Result<Option<ActivityTask>, Error> {
        let begun = claim.waiting().cloned().and_then(|waiting| {
            self.with_live(&waiting.execution, |live| {
                let order = live.execution.order(waiting.task)?;
                let start = Input::TaskStarted { task: waiting.task, worker_name };
                let ticket = if waiting.begun { None } else { self.step(live, start) };
                Some((order, ticket.unwrap_or_else(|| self.records.committer.write(Vec::new()))))
            })
            .flatten()
        });
        let Some((order, ticket)) = begun else {
            claim.settle();
            return Ok(None);
        };
        claim.begun();
        ticket.durable().await?;
        claim.settle();
        Ok(Some(ActivityTask { token: order.token, input: order.parameters }))
    }

    /// Tells an execution what the holder of `token` says of its task; answers once that is durable.
    pub(crate) async fn answer(&self, token: &str, say: impl FnOnce(TaskId) -> Input) -> Result<(), Error> {
        Ok(self.take_answer_by_token(token, say)?.durable().await?)
    }

    fn take_answer_by_token(&self, token: &str, say: impl FnOnce(TaskId) -> Input) -> Result<Ticket, Error> {
        let (arn, task) = token::parse(token)?;
        let answered = self.with_live(&arn, |live| match live.execution.order(task) {
            Some(order) if *order.token == *token => self.step(live, say(task)).ok_or_else(token::timed_out),
            Some(_) => Err(token::invalid()),
            None => Err(token::timed_out()),
        });
        match answered {
            Some(answered) => answered,
            None if self.records.execution(&arn)?.is_some() => Err(token::timed_out()),
            None => Err(Error::TaskDoesNotExist("Task does not exist".to_owned())),
        }
    }
}

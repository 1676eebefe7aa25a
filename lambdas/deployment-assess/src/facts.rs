//! The facts of a stage, gathered and checked.

use crate::reference::Reference;
use crate::{DeploymentAssess, Place};
use aws_sdk_cloudwatch::types as cloudwatch;
use clients::failure;
use clients::read::{balancer, ecs};
use operations::Error;
use operations::error::Kind;
use operations::field::Object;
use operations::gate::facts::{Alarm, SideFacts};
use operations::gate::identified::Known;
use operations::gate::{self, Facts, Reading, Resolved, Side, Stage};
use serde_json::Value;

impl DeploymentAssess {
    pub(crate) async fn check(&self, payload: &Value) -> Result<gate::Report, Error> {
        let place = self.place(payload)?;
        let reference = Reference::parse(payload)?;
        let object = Object::of(payload, "", Kind::InvalidInput)?;
        let stage = Stage::from_name(object.text("stage")?)?;
        let weight = object.optional_number("weight")?;
        let known = Known::of_payload(payload)?;
        let resolved = Resolved::of_payload(payload)?;
        let logs = Reading::of_payload(payload, "logs")?;
        let scans = Reading::of_payload(payload, "scans")?;
        let usage = Reading::of_payload(payload, "usage")?;
        let facts = Facts { resolved, logs, scans, usage, ..self.facts(&place, &reference, stage, known).await? };
        let counted = match gate::quota::to_count(&facts).filter(|_| stage == Stage::BeforeInstall) {
            Some(code) => Some(self.counted(code).await?),
            None => None,
        };
        let facts = Facts { counted, ..facts };
        Ok(gate::check(stage, place.target.entry.deployment()?, &facts, weight))
    }

    async fn facts(&self, place: &Place, reference: &Reference, stage: Stage, known: Known) -> Result<Facts, Error> {
        let sides = self.sides(place, reference).await?;
        let definition = sides.task_definition.or(known.task_definition);
        let (tasks, existing) = (stage == Stage::AfterInstall, stage == Stage::BeforeInstall);
        let mut facts = Facts {
            at: self.services.clock.now(),
            service: sides.service,
            others: Some(sides.others),
            pinned: known.blue.map(|blue| blue.desired),
            production: sides.production,
            test: Some(sides.test),
            references: known.references,
            blue_kept: sides.blue_kept,
            ..Facts::default()
        };
        if let (true, Some(arn)) = (tasks || existing, &definition) {
            facts.task_definition = Some(self.definition(arn).await?);
        }
        if existing {
            let own = place.target.entry.deployment()?;
            let groups = [own.blue_target_group_arn.as_str(), own.green_target_group_arn.as_str()];
            facts.groups = Some(balancer::groups(&self.balancer, &groups).await?);
        }
        if matches!(stage, Stage::Shift | Stage::Production) {
            facts.alarms = Some(self.alarms(place).await?);
        }
        facts.blue = self.side(place, sides.blue, tasks, false).await?;
        facts.green = self.side(place, sides.green, tasks, sides.failed).await?;
        Ok(facts)
    }

    async fn side(
        &self,
        place: &Place,
        side: Option<Side>,
        tasks: bool,
        rollout_failed: bool,
    ) -> Result<Option<SideFacts>, Error> {
        let Some(side) = side else { return Ok(None) };
        let targets = match &side.target_group_arn {
            Some(group) => Some(ecs::targets(&self.balancer, group).await?),
            None => None,
        };
        let tasks = if tasks { self.tasks(place, &side).await? } else { Vec::new() };
        Ok(Some(SideFacts { side, rollout_failed, targets, tasks }))
    }

    /// The alarms whose metric is of this service or of one of its target groups.
    async fn alarms(&self, place: &Place) -> Result<Vec<Alarm>, Error> {
        let own = place.target.entry.deployment()?;
        let group = |arn: &str| arn.rsplit_once(':').map_or_else(|| arn.to_owned(), |(_, name)| name.to_owned());
        let groups = [group(&own.blue_target_group_arn), group(&own.green_target_group_arn)];
        let mut alarms = Vec::new();
        let mut next = None;
        loop {
            let request = self.metrics.describe_alarms().alarm_types(cloudwatch::AlarmType::MetricAlarm);
            let page = request.set_next_token(next).send().await;
            let page = page.map_err(|error| failure::of_sdk("cloudwatch:DescribeAlarms", &error))?;
            let watching = page.metric_alarms().iter().filter(|alarm| watches(alarm, place, &groups));
            alarms.extend(watching.map(|alarm| Alarm {
                name: alarm.alarm_name().unwrap_or_default().to_owned(),
                state: alarm.state_value().map_or("", |state| state.as_str()).to_owned(),
            }));
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(alarms);
            }
        }
    }
}

fn watches(alarm: &cloudwatch::MetricAlarm, place: &Place, groups: &[String; 2]) -> bool {
    // An alarm on an expression has several metrics.
    let parts = alarm.metrics().iter().filter_map(|query| query.metric_stat()?.metric());
    let mut all = parts.map(|metric| metric.dimensions()).chain(std::iter::once(alarm.dimensions()));
    all.any(|dimensions| {
        let value = |name: &str| {
            let found = dimensions.iter().find(|dimension| dimension.name() == Some(name));
            found.and_then(|dimension| dimension.value())
        };
        let service = value("ServiceName") == Some(place.target.service.as_str())
            && value("ClusterName") == Some(place.cluster.as_str());
        service || value("TargetGroup").is_some_and(|group| groups.iter().any(|own| own == group))
    })
}

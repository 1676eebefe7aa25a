//! Green's metrics, judged.

use crate::{DeploymentAssess, Place};
use clients::read::metrics::read_every;
use operations::Error;
use operations::error::Kind;
use operations::field::Object;
use operations::gate::Stage;
use operations::gate::identified::Known;
use operations::gate::judgement::{self, Control, Source, WEEKS};
use operations::gate::window::{Look, MINUTE_MS, WEEK_MS};
use operations::judge::{Request, judge};
use operations::metrics::{PERIOD_SECONDS, Query, Readings};
use operations::snapshot::Evidence;
use operations::time::Millis;
use serde_json::{Value, json};

impl DeploymentAssess {
    pub(crate) async fn judge(&self, payload: &Value) -> Result<Value, Error> {
        let place = self.place(payload)?;
        let own = place.target.entry.deployment()?;
        let object = Object::of(payload, "", Kind::InvalidInput)?;
        let stage = Stage::from_name(object.text("stage")?)?;
        let known = Known::of_payload(payload)?;
        let seconds = if stage == Stage::Production { own.bake_seconds } else { own.window_seconds };
        let look = Look::of_payload(payload, seconds)?;
        let given = object.optional_number("weight")?;
        let weight = match stage {
            Stage::Production => given.unwrap_or(100.0),
            _ => given.or(known.green.as_ref().and_then(|green| green.weight)).unwrap_or(0.0),
        };
        if weight <= 0.0 {
            let reason = "green has no production traffic at this step: there is nothing to judge yet";
            return Ok(json!({"verdict": "PASS", "look": look.look, "looks": look.looks, "reasons": [reason],
                "metrics": [], "evidence": []}));
        }
        let source = source(&place, &known)?;
        let minutes = look.minutes(self.services.clock.now());
        let queries = [source.edge(), source.resources(), judgement::business(&own.metrics)].concat();
        let now = self.read(&queries, PERIOD_SECONDS, &minutes, 0).await?;
        let control = if weight < 100.0 {
            Control::Concurrent
        } else {
            let mut weeks = Vec::new();
            for (week, period) in WEEKS {
                weeks.push((week, self.read(&source.edge(), period, &minutes, week * WEEK_MS).await?));
            }
            Control::History(weeks)
        };
        let judgement = judgement::metrics(&place.target.entry, &minutes, &now, &control);
        let report = judge(&Request { metrics: judgement.metrics, look: look.look, looks: look.looks })?;
        let mut answer = json!(report);
        if let Some(reasons) = answer.get_mut("reasons").and_then(Value::as_array_mut) {
            reasons.extend(judgement.remarks.into_iter().map(Value::from));
        }
        answer["evidence"] = json!(evidence(&queries, &now));
        Ok(answer)
    }

    /// Reads metrics for minutes that lie so far back.
    async fn read(
        &self,
        queries: &[Query<'_>],
        period: i32,
        minutes: &[Millis],
        back: Millis,
    ) -> Result<Readings, Error> {
        let (Some(first), Some(last)) = (minutes.first(), minutes.last()) else { return Ok(Readings::default()) };
        let whole = i64::from(period) * 1_000;
        let from = (first - back).div_euclid(whole) * whole;
        read_every(&self.metrics, queries, period, from, last - back + MINUTE_MS).await
    }
}

fn source(place: &Place, known: &Known) -> Result<Source, Error> {
    let entry = &place.target.entry;
    let (own, service) = (entry.deployment()?, entry.service()?);
    let missing = |what: &str| Error::new(Kind::InvalidInput, format!("identified.{what}: identify again"));
    let green = known.green.as_ref().ok_or_else(|| missing("green is missing: there is no new revision to judge"))?;
    let group = green.target_group_arn.as_deref().ok_or_else(|| missing("green.targetGroupArn is missing"))?;
    let other = own.other_group(group).ok_or_else(|| missing("green.targetGroupArn is none of entry.deployment's"))?;
    let balancer = service.load_balancer.as_deref().or_else(|| judgement::balancer(&own.production_listener_arn));
    let balancer = balancer.ok_or_else(|| missing("nothing names the load balancer: set entry.loadBalancer"))?;
    Ok(Source {
        balancer: balancer.to_owned(),
        green: group.to_owned(),
        blue: other.to_owned(),
        cluster: place.cluster.clone(),
        service: place.target.service.clone(),
        green_set: green.id.clone(),
    })
}

/// The newest value of each metric.
fn evidence(queries: &[Query<'_>], readings: &Readings) -> Vec<Evidence> {
    let newest = |query: &Query<'_>| {
        let (at, value) = readings.get(query.id).latest()?;
        Some(Evidence::metric(&format!("{} ({})", query.reference(), query.id), value, at))
    };
    queries.iter().filter_map(newest).collect()
}

//! Was a change that was applied good?

use crate::queries::Queries;
use crate::request::millis;
use crate::{PerformanceAnalyzer, observe, tasks};
use clients::read::history;
use operations::Error;
use operations::error::Kind;
use operations::field::Object;
use operations::performance::judgement::{BEFORE_MS, Change, judge};
use operations::proposal::Proposal;
use operations::time::Millis;
use serde_json::{Value, json};

/// The period of what is compared, in seconds.
const PERIOD: u32 = 300;

/// The times of an observation.
struct Times {
    acted: Millis,
    observe_until: Millis,
    give_up: Millis,
}

impl PerformanceAnalyzer {
    pub(crate) async fn judge(&self, payload: &Value) -> Result<Value, Error> {
        let request = self.request(payload)?;
        Proposal::of_payload(payload)?;
        let times = times(payload, request.at)?;
        let queries = Queries::of(&request);
        let until = crate::latest(request.at, PERIOD);
        let whole = i64::from(PERIOD) * 1_000;
        let from = (times.acted - BEFORE_MS).div_euclid(whole) * whole;
        let asked = queries.judged();
        let (read, known) = tokio::try_join!(
            history::read(&self.metrics, &asked, PERIOD, from, until),
            tasks::read(&self.ecs, &request.cluster, &request.service),
        )?;
        let killed = known.stops.iter().filter(|stop| stop.out_of_memory).map(|stop| stop.at).collect();
        let judgement = judge(&Change {
            acted_at: times.acted,
            observe_until: times.observe_until,
            give_up_at: times.give_up,
            at: request.at,
            limits: request.limits,
            deployments: known.releases,
            killed,
            metrics: observe::metrics(&read),
        });
        let mut answer = json!(judgement);
        if let Some(reasons) = answer.get_mut("reasons").and_then(Value::as_array_mut) {
            reasons.extend(read.partial.into_iter().map(Value::from));
        }
        Ok(answer)
    }
}

fn times(payload: &Value, at: Millis) -> Result<Times, Error> {
    let object = Object::of(payload, "", Kind::InvalidInput)?;
    let acted = millis(&object, "actedAt")?;
    let (observe_until, give_up) = (millis(&object, "observeUntil")?, millis(&object, "giveUpAt")?);
    let ordered =
        |holds: bool, name: &str, problem: &str| if holds { Ok(()) } else { Err(object.error(name, problem)) };
    ordered(acted <= at, "actedAt", "must not be after the time of the judgement (at)")?;
    ordered(observe_until > acted, "observeUntil", "must be after actedAt")?;
    ordered(give_up >= observe_until, "giveUpAt", "must not be before observeUntil")?;
    Ok(Times { acted, observe_until, give_up })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_must_be_in_order() {
        let times = |acted: i64, until: i64, give_up: i64| {
            super::times(&json!({"actedAt": acted, "observeUntil": until, "giveUpAt": give_up}), 100)
        };
        assert!(times(50, 150, 200).is_ok());
        for (acted, until, give_up, field) in
            [(101, 150, 200, "actedAt"), (50, 50, 200, "observeUntil"), (50, 150, 149, "giveUpAt")]
        {
            let error = times(acted, until, give_up).err().unwrap();
            assert!(error.message().starts_with(field), "{error}");
        }
    }
}

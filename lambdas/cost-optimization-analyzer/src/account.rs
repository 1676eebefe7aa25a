//! The whole account.

use crate::CostOptimizationAnalyzer;
use crate::request;
use clients::read::history;
use operations::Error;
use operations::cost::account::{Read, look};
use operations::cost::idle::{self, Measure, QUIET_MS};
use operations::cost::inventory::Inventory;
use operations::history::{HOUR_MS, History};
use operations::metrics::Query;
use operations::price::Prices;
use operations::time::Millis;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The periods of metrics, in seconds.
const PERIOD: u32 = 3_600;

impl CostOptimizationAnalyzer {
    /// Looks at the account that a payload describes.
    pub(crate) async fn account(&self, payload: &Value) -> Result<Value, Error> {
        let at = request::at(payload, &self.services)?;
        let region = request::region(&self.services, "")?;
        let prices = Prices::built_in()?;
        let usage = self.use_of(&idle::measures(&Inventory::of_payload(payload)), at).await?;
        let account = look(payload, Read { at, region: &region, prices: &prices, usage })?;
        let mut answer = json!(account);
        answer["at"] = json!(at);
        Ok(answer)
    }

    /// The last week of what tells whether things are used, by thing; `None` when CloudWatch could not answer in full.
    async fn use_of(&self, measures: &[Measure], at: Millis) -> Result<Option<BTreeMap<String, History>>, Error> {
        if measures.is_empty() {
            return Ok(Some(BTreeMap::new()));
        }
        let queries: Vec<_> = measures.iter().map(query).collect();
        let until = at.div_euclid(HOUR_MS) * HOUR_MS;
        let read = history::read(&self.metrics, &queries, PERIOD, until - QUIET_MS, until).await?;
        let of = |measure: &Measure| (measure.dimension.1.clone(), read.get(&measure.id).clone());
        Ok(read.partial.is_empty().then(|| measures.iter().map(of).collect()))
    }
}

fn query(measure: &Measure) -> Query<'_> {
    Query {
        id: &measure.id,
        namespace: measure.namespace,
        name: measure.name,
        dimensions: vec![measure.dimension.clone()],
        statistic: measure.statistic,
    }
}

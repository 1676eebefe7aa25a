//! What is paid for and not used.

mod network;
mod storage;

use super::inventory::{Inventory, Thing};
use super::{Bill, Class, Recommendation, cents, worth};
use crate::history::{DAY_MS, History};
use crate::price::Other;
use crate::proposal::Risk;
use crate::snapshot::Evidence;
use crate::time::Millis;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// For how long nothing must have happened, in milliseconds.
pub const QUIET_MS: Millis = 7 * DAY_MS;
/// The share of that time that must be known where silence is no proof.
const KNOWN: f64 = 0.9;
/// Bytes of a GB, as storage is billed.
const GB: f64 = 1_073_741_824.0;

/// A metric to read, in hours of the last week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// The id of the query.
    pub id: String,
    /// The namespace.
    pub namespace: &'static str,
    /// The metric's name.
    pub name: &'static str,
    /// The dimension, name and value.
    pub dimension: (&'static str, String),
    /// The statistic.
    pub statistic: &'static str,
}

/// What tells whether things are used: requests of application load balancers, connections to databases, bytes through
/// NAT gateways.
pub fn measures(inventory: &Inventory<'_>) -> Vec<Measure> {
    let of = |part: &str, dimension: fn(&Thing<'_>) -> Option<String>| -> Vec<String> {
        inventory.part(part).into_iter().flatten().filter_map(|thing| dimension(&thing)).collect()
    };
    let make = |prefix: &str, values: Vec<String>, namespace, name, dimension, statistic| -> Vec<Measure> {
        let numbered = values.into_iter().enumerate();
        let measure = |(index, value): (usize, String)| Measure {
            id: format!("{prefix}{index}"),
            namespace,
            name,
            dimension: (dimension, value),
            statistic,
        };
        numbered.map(measure).collect()
    };
    let balancers = of("loadBalancers", network::balancer);
    let databases = of("databases", |thing| thing.text("DBInstanceIdentifier").map(str::to_owned));
    let gateways = of("natGateways", |thing| thing.text("NatGatewayId").map(str::to_owned));
    let mut all = make("lb", balancers, "AWS/ApplicationELB", "RequestCount", "LoadBalancer", "Sum");
    all.extend(make("db", databases, "AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "Maximum"));
    all.extend(make("nat", gateways, "AWS/NATGateway", "BytesOutToDestination", "NatGatewayId", "Sum"));
    all
}

/// What is known of an account's things.
#[derive(Debug)]
pub struct Known<'a> {
    /// The time.
    pub at: Millis,
    /// What there is.
    pub inventory: Inventory<'a>,
    /// The values of [`measures`] in the last week, by dimension value; `None` when they could not be read in full.
    pub usage: Option<BTreeMap<String, History>>,
    /// What things cost; `None` where that is not known.
    pub other: Option<Other>,
    /// The bill.
    pub bill: &'a Bill,
    /// Images that services run.
    pub images: BTreeSet<String>,
    /// Log groups of which a service's catalogue entry says how long they are kept.
    pub governed: BTreeSet<String>,
}

impl Known<'_> {
    /// The use of a thing by its dimension value.
    fn usage_of(&self, value: &str) -> Option<&History> {
        self.usage.as_ref()?.get(value)
    }

    fn things(&self, part: &str) -> Vec<Thing<'_>> {
        self.inventory.part(part).unwrap_or_default()
    }

    /// Whether a thing is older than the time in which it was quiet. Unknown is not.
    fn old(&self, created: Option<Millis>) -> bool {
        created.is_some_and(|created| self.at - created >= QUIET_MS)
    }
}

/// What is paid for and not used, where that is worth a person's time; and what could not be judged.
pub fn find(known: &Known<'_>) -> (Vec<Recommendation>, Vec<String>) {
    let mut found = Vec::new();
    let mut partial = known.inventory.missing();
    if known.usage.is_none() {
        partial.push("use could not be read in full: load balancers, databases and gateways are not judged".to_owned());
    }
    found.extend(network::databases(known));
    match &known.other {
        None => {
            partial.push("no prices but Fargate's are known in this region: most of the inventory is not judged".into())
        }
        Some(other) => {
            found.extend(network::balancers(known, other));
            found.extend(network::addresses(known, other));
            found.extend(network::gateways(known, other));
            found.extend(storage::volumes(known, other));
            found.extend(storage::log_groups(known, other));
            found.extend(storage::images(known, other));
        }
    }
    (found, partial)
}

/// A recommendation for a person: what was found, and how sure it is.
struct Finding<'a> {
    id: &'a str,
    resource: &'a str,
    summary: String,
    current: Value,
    proposed: Value,
    /// US dollars a month that it costs.
    paid: f64,
    /// Of these, what is saved; `None` where that is not known.
    saving: Option<f64>,
    risk: Risk,
    confidence: f64,
    evidence: Vec<Evidence>,
    undo: &'a str,
}

impl Finding<'_> {
    /// The recommendation, if it is worth it; where the saving is not known, if the cost is.
    fn recommend(self) -> Option<Recommendation> {
        worth(self.saving.unwrap_or(self.paid), self.paid).then(|| Recommendation {
            id: self.id.to_owned(),
            class: Class::Manual,
            resource: self.resource.to_owned(),
            summary: self.summary,
            current: self.current,
            proposed: self.proposed,
            saving_per_month: self.saving.map(cents),
            risk: self.risk,
            confidence: self.confidence,
            evidence: self.evidence,
            undo: self.undo.to_owned(),
        })
    }
}

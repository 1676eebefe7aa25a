//! The lease on raised capacity: who wants how much of it, until when, and what was there before.
//!
//! One record for each scalable target. While leases are live, its limits are at least what each of them holds; when
//! the last one ends they are exactly the original ones again. Limits that no lease has set belong to somebody else
//! and are left alone.

use super::capacity::Scaling;
use crate::error::{Error, Kind};
use crate::field::Object;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Seconds for which raised capacity is held where the catalogue does not say.
pub const DEFAULT_SECONDS: u32 = 3600;

/// What a plan that raises limits wants held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The scalable target's resource id, for example `service/production/api`.
    pub resource: String,
    /// The raised limits.
    pub limits: Scaling,
    /// For how long, in seconds.
    pub seconds: u32,
}

/// A claim on capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// The limits it holds: those in effect are at least these.
    pub limits: Scaling,
    /// When it ends.
    pub until: Millis,
}

/// What is on record about a scalable target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The limits before the first lease.
    pub original: Scaling,
    /// All limits that leases have raised to since.
    pub raised: Vec<Scaling>,
    /// The leases by id: an incident has one.
    pub leases: BTreeMap<String, Lease>,
}

/// What the end of a lease means for the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was the last one: the original limits are back.
    Restored,
    /// Others hold capacity: the limits are what these need.
    Kept,
    /// Somebody else has changed the limits: they stay as they are.
    Left,
}

/// The end of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// What it means.
    pub outcome: Outcome,
    /// The limits to set; absent when they are in effect, or not ours.
    pub limits: Option<Scaling>,
    /// The record without the lease; absent when no live lease is left.
    pub record: Option<Record>,
}

impl Record {
    /// Reads the field `record` of a payload's `lease`; absent is no record.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field.
    pub fn of_lease(lease: &Object<'_>) -> Result<Option<Self>, Error> {
        let Some(record) = lease.optional_object("record")? else { return Ok(None) };
        let list = record.list("raised")?.iter().enumerate();
        let raised = list.map(|(index, item)| scaling(&element(item, &format!("lease.record.raised[{index}]"))?));
        let leases = record.object("leases")?;
        let claims = leases.names().map(|id| {
            let claim = leases.object(id)?;
            Ok((id.to_owned(), Lease { limits: scaling(&claim.object("limits")?)?, until: claim.integer("until")? }))
        });
        Ok(Some(Self {
            original: scaling(&record.object("original")?)?,
            raised: raised.collect::<Result<_, Error>>()?,
            leases: claims.collect::<Result<_, Error>>()?,
        }))
    }

    /// The record with the lease `id` on `wanted` until `until`, taken before the limits are raised; `now` are the
    /// limits in effect. The original limits are those before the first lease, unless somebody else has changed them
    /// since: then theirs. A lease that is there is renewed and never gets smaller.
    pub fn hold(record: Option<Self>, id: &str, wanted: Scaling, until: Millis, now: Scaling) -> Self {
        let mut record = match record {
            Some(record) if record.knows(now) => record,
            Some(record) => record.overruled(now),
            None => Self { original: now, raised: Vec::new(), leases: BTreeMap::new() },
        };
        if !record.raised.contains(&wanted) {
            record.raised.push(wanted);
        }
        let lease = record.leases.entry(id.to_owned()).or_insert(Lease { limits: wanted, until });
        *lease = Lease { limits: lease.limits.max(wanted), until: lease.until.max(until) };
        record
    }

    /// What the end of the lease `id` at the time `now` means, where `limits` are in effect (absent when the scalable
    /// target is gone). Leases that have run out do not count. Nothing is ever raised. Asked again after the limits
    /// were set, the answer is the same, with nothing left to set.
    pub fn release(&self, id: &str, now: Millis, limits: Option<Scaling>) -> Release {
        let mut rest = self.clone();
        rest.leases.retain(|other, lease| other != id && lease.until > now);
        let needed = rest.leases.values().fold(self.original, |needed, lease| needed.max(lease.limits));
        let last = rest.leases.is_empty();
        let (outcome, limits) = match limits.filter(|limits| self.knows(*limits)) {
            None => (Outcome::Left, None),
            Some(limits) => {
                let lowered = limits.min(needed);
                let outcome = if last { Outcome::Restored } else { Outcome::Kept };
                (outcome, Some(lowered).filter(|lowered| *lowered != limits))
            }
        };
        Release { outcome, limits, record: Some(rest).filter(|_| !last) }
    }

    /// Whether limits are ours: the original ones, or such as leases have set. Each bound counts by itself, since the
    /// limits that several leases need have each bound from the one that needs most.
    fn knows(&self, limits: Scaling) -> bool {
        let ours = |bound: fn(&Scaling) -> u32| {
            bound(&self.original) == bound(&limits) || self.raised.iter().any(|raised| bound(raised) == bound(&limits))
        };
        ours(|scaling| scaling.min) && ours(|scaling| scaling.max)
    }

    /// The record after somebody else has set limits: these are the original ones now, and all that is held.
    fn overruled(mut self, limits: Scaling) -> Self {
        self.original = limits;
        self.raised.clear();
        for lease in self.leases.values_mut() {
            lease.limits = limits;
        }
        self
    }
}

fn element<'a>(item: &'a Value, path: &str) -> Result<Object<'a>, Error> {
    Object::of(item, path, Kind::InvalidInput)
}

fn scaling(limits: &Object<'_>) -> Result<Scaling, Error> {
    let count = |name: &str| {
        let count = limits.optional_count(name)?;
        count.ok_or_else(|| limits.error(name, "is missing: pass the record of the state table unchanged"))
    };
    Ok(Scaling { min: count("minCapacity")?, max: count("maxCapacity")? })
}

#[cfg(test)]
mod tests;

//! What the activity is asked to replay.

use operations::Error;
use operations::catalogue::Entry;
use operations::error::Kind;
use operations::field::Object;
use operations::proposal::{self, Capacity, Proposal, Settings};
use operations::scaling::load::DAYS;
use operations::time::{self, Millis};
use serde_json::Value;

/// The most days of minutes that CloudWatch keeps.
const MOST_DAYS: u32 = 15;

/// An input, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) entry: Entry,
    pub(crate) at: Millis,
    /// 1 to [`MOST_DAYS`].
    pub(crate) days: u32,
    pub(crate) capacity: Capacity,
    pub(crate) current: Settings,
    pub(crate) proposed: Settings,
}

impl Request {
    /// Reads an input.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field; `Ops.UnknownTarget` for another target's entry; `Ops.NotApplicable` for a
    /// proposal that no load says anything about.
    pub(crate) fn parse(input: &Value, now: Millis) -> Result<Self, Error> {
        let body = Object::of(input, "", Kind::InvalidInput)?;
        let target = body.text("target")?;
        let entry =
            body.get("entry").ok_or_else(|| body.error("entry", "is missing: pass the catalogue item of target"))?;
        let entry = Entry::parse(entry)?;
        if entry.catalog_id != target {
            let message = format!("entry is of {}, target is {target}: pass the entry of the target", entry.catalog_id);
            return Err(Error::new(Kind::UnknownTarget, message));
        }
        let proposal = Proposal::of_payload(input)?;
        if proposal.kind == proposal::Kind::Retention {
            let message =
                "proposal.kind is retention, which load has nothing to do with: replay scaling and sizing only";
            return Err(Error::new(Kind::NotApplicable, message));
        }
        Ok(Self {
            entry,
            at: instant(&body)?.unwrap_or(now),
            days: days(&body)?,
            capacity: proposal.capacity,
            current: proposal.current_settings()?,
            proposed: proposal.proposed_settings()?,
        })
    }
}

fn days(body: &Object<'_>) -> Result<u32, Error> {
    match body.optional_count("days")? {
        None => Ok(DAYS as u32),
        Some(days) if (1..=MOST_DAYS).contains(&days) => Ok(days),
        Some(_) => Err(body.error("days", &format!("must be between 1 and {MOST_DAYS}: older minutes are not kept"))),
    }
}

fn instant(body: &Object<'_>) -> Result<Option<Millis>, Error> {
    let Some(value) = body.get("at") else { return Ok(None) };
    // Expressions make floats of whole numbers.
    let time = time::parse(value).or(value.as_f64().map(|number| number as Millis));
    time.map(Some).ok_or_else(|| body.error("at", "must be a time in milliseconds since 1970"))
}

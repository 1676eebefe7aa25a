//! Smoke tests: what to ask a new revision, how to judge its answers, and whether it is slower than the old one.
//!
//! The new side is *green*, the side that serves now is *blue*. Whoever uses this module makes the requests and
//! measures them; everything that is decided is decided here. What is not known never passes.

pub mod certificate;
pub mod comparison;
mod expectation;
pub mod observed;
pub mod place;
pub mod plan;
mod report;
pub mod statistics;

use crate::error::{Error, Kind};
use crate::field::Object;
use serde_json::Value;

pub use expectation::{Answer, Expectation};
pub use observed::{Attempt, Exchange, Observed, Side, Timing};
pub use place::Place;
pub use plan::{Method, Plan, Request};
pub use report::report;

/// The header that marks a request as a smoke test, so that logs and metrics can leave it out.
pub const MARKER: &str = "x-stepwright-smoke";

/// How a smoke test, or a part of it, came out; in the order in which one hides another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Everything that was to be shown was shown.
    Pass,
    /// Neither good nor bad was shown.
    Inconclusive,
    /// Something is wrong.
    Fail,
}

impl Verdict {
    /// The name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "PASS",
            Verdict::Inconclusive => "INCONCLUSIVE",
            Verdict::Fail => "FAIL",
        }
    }
}

/// A smoke test as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Smoke {
    /// The catalogue id of the target.
    pub target: String,
    /// The stage of the deployment, which the report repeats.
    pub stage: String,
    /// Where green answers.
    pub green: Place,
    /// Where blue answers; without it nothing is compared.
    pub blue: Option<Place>,
    /// What to ask.
    pub plan: Plan,
    /// The revision that green's version endpoint must name.
    pub expect_version: Option<String>,
    /// The marker's value, where the caller chose one.
    pub marker: Option<String>,
}

/// One thing to ask, with what the answer must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The request and its expectation.
    pub request: Request,
    /// For the version endpoint: where the version is in its answer, and the one that green must name.
    pub version: Option<(String, String)>,
}

impl Smoke {
    /// Reads the input of the activity.
    ///
    /// Both URLs must be the catalogue entry's `deployment.testUrl` or `deployment.productionUrl`: whoever starts an
    /// execution cannot make the worker ask anything else.
    ///
    /// # Errors
    /// Naming the field: `Ops.InvalidInput` for the input's own, `Ops.ConfigInvalid` for what the catalogue says,
    /// `Ops.UnknownTarget` when the entry is another target's.
    pub fn parse(input: &Value) -> Result<Self, Error> {
        let body = Object::of(input, "", Kind::InvalidInput)?;
        let target = body.text("target")?.to_owned();
        let entry = body
            .get("entry")
            .ok_or_else(|| Error::new(Kind::InvalidInput, "entry is missing: pass the catalogue item of the target"))?;
        let entry = Object::of(entry, "entry", Kind::ConfigInvalid)?;
        if entry.optional_text("catalogId")?.is_some_and(|id| id != target) {
            let message = format!("entry.catalogId is not {target:?}: pass the entry of the target");
            return Err(Error::new(Kind::UnknownTarget, message));
        }
        let deployment = entry.object("deployment")?;
        let green = place(&body, "baseUrl", &deployment)?.ok_or_else(|| body.error("baseUrl", "is missing: add it"))?;
        let blue = place(&body, "compareUrl", &deployment)?;
        if blue.as_ref() == Some(&green) {
            return Err(body.error("compareUrl", "is baseUrl: a side compared with itself is never slower"));
        }
        let plan = match body.get("smoke") {
            Some(smoke) => Plan::parse(smoke, "smoke")?,
            None => Plan::parse(deployment.required("smoke")?, "entry.deployment.smoke")?,
        };
        Ok(Self {
            target,
            stage: body.text("stage")?.to_owned(),
            green,
            blue,
            plan,
            expect_version: version(&body)?,
            marker: marker(&body)?,
        })
    }

    /// Everything to ask, in the order of the plan; the version endpoint comes first.
    pub fn checks(&self) -> Vec<Check> {
        let version = self.plan.version.as_ref().zip(self.expect_version.as_ref());
        let version = version.map(|(version, expected)| Check {
            request: Request::of_version(&version.path),
            version: Some((version.pointer.clone(), expected.clone())),
        });
        let own = self.plan.requests.iter().map(|request| Check { request: request.clone(), version: None });
        version.into_iter().chain(own).collect()
    }

    /// What this test leaves open from the start, one sentence each.
    pub fn omissions(&self) -> Vec<String> {
        let mut omitted = Vec::new();
        if self.blue.is_none() {
            omitted.push("no comparison: compareUrl is missing".to_owned());
        }
        match (&self.plan.version, &self.expect_version) {
            (_, None) => omitted.push("which revision answers was not checked: expectVersion is missing".to_owned()),
            (None, _) => {
                omitted.push("which revision answers was not checked: smoke.versionPath is missing".to_owned())
            }
            _ => {}
        }
        omitted
    }
}

/// A URL of the input, which must be one of the catalogue's.
fn place(body: &Object<'_>, name: &str, deployment: &Object<'_>) -> Result<Option<Place>, Error> {
    let Some(text) = body.optional_text(name)? else { return Ok(None) };
    let asked = Place::parse(text).map_err(|problem| body.error(name, &problem))?;
    for own in ["testUrl", "productionUrl"] {
        if let Some(text) = deployment.optional_text(own)?
            && Place::parse(text).map_err(|problem| deployment.error(own, &problem))? == asked
        {
            return Ok(Some(asked));
        }
    }
    let problem =
        "must be entry.deployment.testUrl or entry.deployment.productionUrl: only what the catalogue names is asked";
    Err(body.error(name, problem))
}

fn version(body: &Object<'_>) -> Result<Option<String>, Error> {
    match body.get("expectVersion") {
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        _ => body.optional_text("expectVersion").map(|text| text.map(str::to_owned)),
    }
}

fn marker(body: &Object<'_>) -> Result<Option<String>, Error> {
    let Some(text) = body.optional_text("requestId")? else { return Ok(None) };
    if text.len() > 128 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(body.error("requestId", "must be at most 128 visible ASCII characters: it becomes a header"));
    }
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests;

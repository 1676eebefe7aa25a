//! The report of a smoke test.

use super::comparison::Difference;
use super::observed::{Attempt, Compared, Health, Observed, Timing};
use super::statistics::{median, quantile, sorted};
use super::{Smoke, Verdict};
use crate::snapshot::Evidence;
use crate::time::Millis;
use serde_json::{Value, json};

/// The most different failures that the report lists of one endpoint and side.
const MAX_FAILURES: usize = 5;
/// The longest failure in a report, in characters.
const MAX_FAILURE: usize = 300;

/// The report: what was found at `at`, and the verdict.
pub fn report(smoke: &Smoke, observed: &[Observed], at: Millis) -> Value {
    let mut verdict = if observed.is_empty() { Verdict::Inconclusive } else { Verdict::Pass };
    let mut reasons = Vec::new();
    let mut endpoints = Vec::new();
    let mut evidence = Vec::new();
    for endpoint in observed {
        let compared = endpoint.compared(smoke.blue.is_some(), &smoke.plan);
        let (own, own_reasons) = judge(endpoint, &compared);
        verdict = verdict.max(own);
        reasons.extend(own_reasons.into_iter().map(|reason| format!("{}: {reason}", endpoint.check.request.name)));
        let described = describe(smoke, endpoint, &compared);
        evidence.push(fact(smoke, endpoint, &described, at));
        endpoints.push(described);
    }
    reasons.extend(smoke.omissions());
    json!({"verdict": verdict.name(), "stage": smoke.stage, "reasons": reasons, "endpoints": endpoints,
        "evidence": evidence})
}

fn judge(endpoint: &Observed, compared: &Compared) -> (Verdict, Vec<String>) {
    let health = endpoint.health();
    let mut verdict = health.verdict();
    let mut reasons = Vec::new();
    if health != Health::Healthy {
        let failed = endpoint.green.iter().filter(|attempt| !attempt.passed()).count();
        let why = failures(&endpoint.green).into_iter().next().unwrap_or_else(|| "nothing was asked".to_owned());
        reasons.push(format!("{failed} of {} attempts failed: {why}", endpoint.green.len()));
    }
    if endpoint.blue_is_green() {
        verdict = verdict.max(Verdict::Inconclusive);
        reasons.push("compareUrl answers with the new version too: it is not blue that green was compared with".into());
    }
    match compared {
        Compared::Made(difference) => {
            verdict = verdict.max(difference.verdict);
            if difference.verdict != Verdict::Pass {
                reasons.push(difference.reason.clone());
            }
        }
        Compared::Not(reason) => reasons.extend(reason.clone()),
    }
    (verdict, reasons)
}

fn describe(smoke: &Smoke, endpoint: &Observed, compared: &Compared) -> Value {
    let request = &endpoint.check.request;
    let mut described = side(&endpoint.green);
    described["name"] = json!(request.name);
    described["method"] = json!(request.method.name());
    described["url"] = json!(smoke.green.url(&request.path));
    described["health"] = json!(endpoint.health().name());
    described["blue"] = match &smoke.blue {
        Some(blue) if !endpoint.blue.is_empty() => {
            let mut described = side(&endpoint.blue);
            described["url"] = json!(blue.url(&request.path));
            described
        }
        _ => Value::Null,
    };
    described["difference"] = match compared {
        Compared::Made(made) => difference(made),
        Compared::Not(_) => Value::Null,
    };
    described
}

/// Counts, failures and times of one side.
fn side(attempts: &[Attempt]) -> Value {
    let passed = attempts.iter().filter(|attempt| attempt.passed()).count();
    let timings: Vec<_> = attempts.iter().filter_map(|attempt| attempt.timing).collect();
    let of = |part: fn(&Timing) -> Option<f64>| timings.iter().filter_map(part).collect::<Vec<_>>();
    let totals = sorted(&of(|timing| Some(timing.total_ms)));
    let split = |part| rounded(median(&of(part)));
    json!({
        "attempts": attempts.len(),
        "passed": passed,
        "failures": failures(attempts),
        "p50Ms": rounded(quantile(&totals, 0.5)),
        "p95Ms": rounded(quantile(&totals, 0.95)),
        "maxMs": rounded(totals.last().copied()),
        "split": {
            "dnsMs": split(|timing| Some(timing.dns_ms)),
            "connectMs": split(|timing| Some(timing.connect_ms)),
            "tlsMs": split(|timing| timing.tls_ms),
            "firstByteMs": split(|timing| Some(timing.first_byte_ms)),
        },
    })
}

/// The different failures in the order in which they first came, with how often where it was more than once.
fn failures(attempts: &[Attempt]) -> Vec<String> {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for failure in attempts.iter().filter_map(|attempt| attempt.failure.as_deref()) {
        match counted.iter_mut().find(|(text, _)| *text == failure) {
            Some((_, count)) => *count += 1,
            None => counted.push((failure, 1)),
        }
    }
    let text = |(failure, count): (&str, usize)| {
        let failure: String = failure.chars().take(MAX_FAILURE).collect();
        if count > 1 { format!("{failure} ({count} times)") } else { failure }
    };
    counted.into_iter().take(MAX_FAILURES).map(text).collect()
}

fn difference(made: &Difference) -> Value {
    json!({
        "pairs": made.pairs,
        "greenMs": rounded(made.green),
        "blueMs": rounded(made.blue),
        "shiftMs": rounded(made.shift.map(|shift| shift.estimate)),
        "lowMs": rounded(made.shift.map(|shift| shift.low)),
        "highMs": rounded(made.shift.map(|shift| shift.high)),
        "ratio": rounded(made.ratio),
        "verdict": made.verdict.name(),
        "reason": made.reason,
    })
}

fn fact(smoke: &Smoke, endpoint: &Observed, described: &Value, at: Millis) -> Value {
    let request = &endpoint.check.request;
    let reference = format!("{} {}", request.method.name(), smoke.green.url(&request.path));
    let mut value =
        json!({"attempts": described["attempts"], "passed": described["passed"], "p50Ms": described["p50Ms"]});
    if let Some(version) = endpoint.green.iter().find_map(|attempt| attempt.version.as_ref()) {
        value["version"] = json!(version);
    }
    serde_json::to_value(Evidence::probe(&reference, value, at)).unwrap_or(Value::Null)
}

/// To microseconds, which is more than can be measured.
fn rounded(value: Option<f64>) -> Option<f64> {
    value.map(|value| (value * 1000.0).round() / 1000.0)
}

//! What was asked of one endpoint, and what that shows.

use super::certificate::MIN_VALIDITY;
use super::comparison::{self, Difference, Pair};
use super::expectation::{self, Answer, quote};
use super::plan::Plan;
use super::{Check, Verdict};
use serde_json::Value;
use std::time::Duration;

/// After so many pairs at the beginning of which none can be used, the rest is spared.
const HOPELESS_PAIRS: usize = 3;

/// Which side was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The new one.
    Green,
    /// The one that serves now.
    Blue,
}

/// How long the parts of an exchange took, in real milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timing {
    /// Resolving the name.
    pub dns_ms: f64,
    /// Connecting.
    pub connect_ms: f64,
    /// The TLS handshake; absent over `http`.
    pub tls_ms: Option<f64>,
    /// From the sent request to the beginning of the answer.
    pub first_byte_ms: f64,
    /// Everything, to the end of the body.
    pub total_ms: f64,
}

impl Timing {
    /// From the sent request to the end of the body: what depends on the side.
    pub fn answer_ms(&self) -> f64 {
        self.total_ms - self.dns_ms - self.connect_ms - self.tls_ms.unwrap_or(0.0)
    }
}

/// A request that was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// The answer.
    pub answer: Answer,
    /// How long it took.
    pub timing: Timing,
    /// Over `https`: how long the certificate is still valid, in real time; the inner `None` is a certificate that
    /// cannot be read.
    pub validity: Option<Option<Duration>>,
}

/// One request and how it came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// How long it took; absent without an answer.
    pub timing: Option<Timing>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// The version that the version endpoint named.
    pub version: Option<String>,
    /// What was not as expected.
    pub failure: Option<String>,
}

impl Attempt {
    /// Judges a request to a side; the error of an outcome says why there was no answer.
    pub fn judged(check: &Check, side: Side, outcome: Result<Exchange, String>) -> Self {
        let exchange = match outcome {
            Ok(exchange) => exchange,
            Err(failure) => return Self { timing: None, status: None, version: None, failure: Some(failure) },
        };
        let mut failure = check.request.expect.judge(&exchange.answer).err();
        let mut version = None;
        if let (Some((pointer, expected)), None) = (&check.version, &failure) {
            match expectation::version(&exchange.answer, pointer) {
                Ok(found) => {
                    if side == Side::Green && found != *expected {
                        failure = Some(old_side(&found, expected));
                    }
                    version = Some(found);
                }
                Err(problem) => failure = Some(problem),
            }
        }
        if side == Side::Green {
            failure = failure.or_else(|| short_lived(exchange.validity?));
        }
        Self { timing: Some(exchange.timing), status: Some(exchange.answer.status), version, failure }
    }

    /// Whether the answer was as expected.
    pub fn passed(&self) -> bool {
        self.failure.is_none()
    }

    /// Whether the answer says that the side does not know the request at all.
    fn unknown_request(&self) -> bool {
        matches!(self.status, Some(404 | 405 | 501))
    }
}

fn old_side(found: &str, expected: &str) -> String {
    let quoted = |text: &str| quote(&Value::String(text.to_owned()));
    format!("answered by the old side: its version is {}, not {}", quoted(found), quoted(expected))
}

fn short_lived(validity: Option<Duration>) -> Option<String> {
    let days = |duration: Duration| duration.as_secs() / 86_400;
    match validity {
        None => Some("when the TLS certificate expires cannot be read".to_owned()),
        Some(left) if left <= MIN_VALIDITY => Some(format!(
            "the TLS certificate expires in {} days: more than {} are needed",
            days(left),
            days(MIN_VALIDITY)
        )),
        Some(_) => None,
    }
}

/// The health of an endpoint by its attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// All passed.
    Healthy,
    /// Some failed, but not most.
    Degraded,
    /// Most failed, or all, or the wrong side answered, or nothing was asked.
    Unhealthy,
}

impl Health {
    /// The name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Unhealthy => "unhealthy",
        }
    }

    /// What it means for the test.
    pub fn verdict(self) -> Verdict {
        match self {
            Health::Healthy => Verdict::Pass,
            Health::Degraded => Verdict::Inconclusive,
            Health::Unhealthy => Verdict::Fail,
        }
    }
}

/// Everything that was asked of one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// What was asked.
    pub check: Check,
    /// Green's attempts.
    pub green: Vec<Attempt>,
    /// Blue's.
    pub blue: Vec<Attempt>,
    pairs: Vec<Pair>,
}

/// How a comparison came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Compared {
    /// It was not wanted, or is not made; the text says why when that needs saying.
    Not(Option<String>),
    /// It was made.
    Made(Difference),
}

impl Observed {
    /// Nothing asked yet.
    pub fn new(check: Check) -> Self {
        Self { check, green: Vec::new(), blue: Vec::new(), pairs: Vec::new() }
    }

    /// Adds an attempt of green alone.
    pub fn round(&mut self, green: Attempt) {
        self.green.push(green);
    }

    /// Adds a pair of attempts; it counts for the comparison when both passed.
    pub fn pair(&mut self, green: Attempt, blue: Attempt) {
        if let (Some(green_time), Some(blue_time), None, None) =
            (green.timing, blue.timing, &green.failure, &blue.failure)
        {
            self.pairs.push(Pair { green: green_time.answer_ms(), blue: blue_time.answer_ms() });
        }
        self.green.push(green);
        self.blue.push(blue);
    }

    /// Whether another pair is worth its time: green has passed so far, the request only reads (blue serves
    /// people: what is done to it twice, is done), and not all pairs were in vain.
    pub fn wants_pair(&self, plan: &Plan) -> bool {
        let made = self.blue.len();
        let in_vain = self.pairs.is_empty() && made >= HOPELESS_PAIRS;
        self.check.request.method.is_safe()
            && self.health() == Health::Healthy
            && made < plan.pairs as usize
            && !in_vain
    }

    /// Whether green's next attempt comes before blue's: the sides take turns.
    pub fn green_first(&self) -> bool {
        self.blue.len().is_multiple_of(2)
    }

    /// The health of green.
    pub fn health(&self) -> Health {
        let failed = self.green.iter().filter(|attempt| !attempt.passed()).count();
        if self.wrong_side() || self.green.is_empty() || failed * 2 > self.green.len() {
            Health::Unhealthy
        } else if failed > 0 {
            Health::Degraded
        } else {
            Health::Healthy
        }
    }

    /// Whether green's URL named another version, even once: then nothing it answered is known to be green's.
    fn wrong_side(&self) -> bool {
        let Some((_, expected)) = &self.check.version else { return false };
        self.green.iter().any(|attempt| attempt.version.as_ref().is_some_and(|version| version != expected))
    }

    /// Whether blue's URL named the new version: then it is not blue that green was compared with.
    pub fn blue_is_green(&self) -> bool {
        let Some((_, expected)) = &self.check.version else { return false };
        self.blue.iter().any(|attempt| attempt.version.as_ref() == Some(expected))
    }

    /// Compares the sides, where that was `wanted`.
    pub fn compared(&self, wanted: bool, plan: &Plan) -> Compared {
        if !wanted || self.health() == Health::Unhealthy {
            return Compared::Not(None);
        }
        if !self.check.request.method.is_safe() {
            let method = self.check.request.method.name();
            return Compared::Not(Some(format!("not compared: a {method} is not sent to blue, which serves people")));
        }
        if !self.blue.is_empty() && self.blue.iter().all(|attempt| !attempt.passed() && attempt.unknown_request()) {
            return Compared::Not(Some("not compared: blue does not know this request yet".to_owned()));
        }
        let mut difference = comparison::compare(&self.pairs, plan.max_slowdown);
        if let (Verdict::Inconclusive, Some(failure)) =
            (difference.verdict, self.blue.iter().find_map(|attempt| attempt.failure.as_ref()))
        {
            difference.reason = format!("{}; blue: {failure}", difference.reason);
        }
        Compared::Made(difference)
    }
}

//! Traces: which one an execution belongs to, and the names of its spans.
//!
//! Names follow from the execution's ARN and from what happened in it, never from chance: an execution that goes on
//! after a crash has the same trace and the same spans. The header is X-Ray's, `Root=1-SECONDS-REST;Parent=SPAN;Sampled=1`;
//! its root without dashes is the trace's id in W3C's form.

use asl::Value;
use execution::TaskId;
use sha2::{Digest as _, Sha256};

use crate::store::ExecutionRecord;

/// The trace of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Its id: the first 32 bits are seconds since 1970, as X-Ray wants.
    pub id: u128,
    /// The span that started the execution, where somebody upstream did.
    pub parent: Option<u64>,
    /// Whether its spans are to be kept.
    pub sampled: bool,
}

impl Trace {
    /// The trace that a header names; `None` where it names none.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut fields = header.split(';').filter_map(|field| field.trim().split_once('='));
            fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let (seconds, rest) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        if seconds.len() != 8 || rest.len() != 24 {
            return None;
        }
        let id = u128::from_str_radix(&format!("{seconds}{rest}"), 16).ok()?;
        let parent = field("Parent").filter(|parent| parent.len() == 16);
        let parent = parent.and_then(|parent| u64::from_str_radix(parent, 16).ok());
        Some(Self { id, parent, sampled: field("Sampled") != Some("0") })
    }

    /// The header that makes what is called a part of `span`.
    #[must_use]
    pub fn header(&self, span: u64) -> String {
        let id = format!("{:032x}", self.id);
        format!("Root=1-{}-{};Parent={span:016x};Sampled={}", &id[..8], &id[8..], u8::from(self.sampled))
    }

    /// The span that the event `id` of an execution begins.
    #[must_use]
    pub fn span_of_event(execution_arn: &str, id: u64) -> u64 {
        span(&format!("event|{execution_arn}|{id}"))
    }

    /// The span of a task, or of a Map Run, of an execution.
    #[must_use]
    pub fn span_of_task(execution_arn: &str, task: TaskId) -> u64 {
        span(&format!("task|{execution_arn}|{}|{}", task.frame.0, task.attempt))
    }
}

impl ExecutionRecord {
    /// The execution's trace. As on AWS there is one where its state machine has `tracingConfiguration` enabled, or
    /// where whoever started it passed a header.
    pub(crate) fn trace(&self) -> Option<Trace> {
        if let Some(given) = self.trace_header.as_deref().and_then(Trace::parse) {
            return Some(given);
        }
        let tracing = self.revision.as_ref()?.tracing.as_ref()?;
        if tracing.get("enabled").and_then(Value::as_bool) != Some(true) {
            return None;
        }
        let seconds = u32::try_from(self.start_date.div_euclid(1000)).unwrap_or(u32::MAX);
        let rest = first_bits(&format!("trace|{}|{}", self.identity.arn, self.start_date)) >> 32;
        Some(Self::trace_of(seconds, rest))
    }

    const fn trace_of(seconds: u32, rest: u128) -> Trace {
        Trace { id: ((seconds as u128) << 96) | rest, parent: None, sampled: true }
    }
}

fn first_bits(text: &str) -> u128 {
    let mut bits = [0_u8; 16];
    bits.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
    u128::from_be_bytes(bits)
}

/// A span's id: any but 0, which means none.
fn span(text: &str) -> u64 {
    let bits = (first_bits(text) >> 64) as u64;
    bits.max(1)
}

#[cfg(test)]
mod tests {
    use execution::FrameId;

    use super::*;

    const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    #[test]
    fn a_header_is_read_and_written() {
        let trace = Trace::parse(HEADER).unwrap();
        assert_eq!(trace.id, 0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793);
        assert_eq!((trace.parent, trace.sampled), (Some(0x5399_5c3f_42cd_8ad8), true));
        assert_eq!(trace.header(0x5399_5c3f_42cd_8ad8), HEADER);
    }

    #[test]
    fn fields_come_in_any_order_and_some_not_at_all() {
        let trace = Trace::parse("Self=1-1-1; sampled=0 ;Root=1-5759e988-bd862e3fe1be46a994272793").unwrap();
        assert_eq!((trace.parent, trace.sampled), (None, false));
    }

    #[test]
    fn what_is_no_header_names_no_trace() {
        for header in ["", "t", "Root=", "Root=1-5759e988", "Root=2-5759e988-bd862e3fe1be46a994272793", "Root=1-é-ü"]
        {
            assert_eq!(Trace::parse(header), None, "{header}");
        }
    }

    #[test]
    fn spans_are_told_apart_and_stay_the_same() {
        let task = |attempt| Trace::span_of_task("arn", TaskId { frame: FrameId(1), attempt });
        assert_eq!(task(1), task(1));
        assert_ne!(task(1), task(2));
        assert_ne!(Trace::span_of_event("arn", 1), Trace::span_of_event("other", 1));
    }
}

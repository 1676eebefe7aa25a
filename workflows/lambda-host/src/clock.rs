//! The only reader of the system clock in this crate. Time-outs here are real time: they bound real processes.

use std::time::{Duration, SystemTime};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[expect(clippy::disallowed_methods, reason = "this crate's clock")]
pub(crate) fn epoch_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Now, as Lambda's API writes an instant: `2026-11-30T11:14:41.123+0000`.
pub(crate) fn timestamp() -> String {
    written(epoch_ms())
}

fn written(epoch_ms: u64) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]+0000");
    let instant = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(epoch_ms) * 1_000_000);
    instant.ok().and_then(|instant| instant.format(format).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_instant_as_lambda_writes_it() {
        assert_eq!(super::written(1_700_000_000_042), "2023-11-14T22:13:20.042+0000");
    }
}

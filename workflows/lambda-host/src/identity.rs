//! Names drawn at random: request ids and trace ids.

use std::fmt::Write;

/// A random (version 4) UUID, as Lambda's request ids are.
pub(crate) fn request_id() -> String {
    let mut bytes = random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = hexadecimal(&bytes);
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

/// An X-Ray trace header of an unsampled trace that begins at `epoch_ms`.
pub(crate) fn trace_id(epoch_ms: u64) -> String {
    let digits = hexadecimal(&random());
    format!("Root=1-{:08x}-{};Sampled=0", epoch_ms / 1000, &digits[..24])
}

#[expect(clippy::disallowed_methods, reason = "this crate's only source of randomness")]
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    // A system without entropy still runs functions: ids then repeat, which only logs notice.
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::warn!(%error, "no randomness for a request id");
    }
    bytes
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_version_4_uuid() {
        let id = request_id();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]));
        assert_ne!(id, request_id());
    }

    #[test]
    fn a_trace_id_carries_its_time() {
        assert!(trace_id(1_700_000_000_000).starts_with("Root=1-6553f100-"));
    }
}

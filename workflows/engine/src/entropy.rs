//! Randomness: the only place that draws it from the operating system.

/// 128 fresh random bits.
#[must_use]
pub(crate) fn seed() -> u128 {
    let mut bytes = [0_u8; 16];
    fill(&mut bytes);
    u128::from_be_bytes(bytes)
}

/// A fresh secret: 256 random bits in hexadecimal digits.
#[must_use]
pub fn secret() -> String {
    format!("{:032x}{:032x}", seed(), seed())
}

/// A fresh random number from 0 to 99.
#[must_use]
pub(crate) fn percent() -> u8 {
    // What is left of 2^128 by a hundred favours none of them by more than 2^-121.
    u8::try_from(seed() % 100).unwrap_or_default()
}

/// A fresh random UUID (version 4, RFC 9562) in its usual form.
#[must_use]
pub(crate) fn uuid() -> String {
    uuid_of(seed())
}

/// The version 4 UUID whose random bits are those of `bits`; the same bits give the same UUID.
#[must_use]
pub(crate) fn uuid_of(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[expect(clippy::disallowed_methods, reason = "this module is the only reader of the system's randomness")]
#[expect(clippy::expect_used, reason = "no operating system that runs this refuses its own random source")]
fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        assert_eq!(uuid_of(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_of(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn two_seeds_differ() {
        assert_ne!(seed(), seed());
    }
}

//! When a TLS certificate expires.
//!
//! Only that is read, by walking over the fields before it: RFC 5280, section 4.1, in DER (X.690). Whether the
//! certificate is to be trusted is for the TLS library.

use crate::time::Millis;
use ::time::{Date, Month, PrimitiveDateTime, Time};
use std::time::Duration;

/// How long a certificate must still be valid.
pub const MIN_VALIDITY: Duration = Duration::from_secs(14 * 24 * 3600);

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`: the version.
const VERSION: u8 = 0xa0;

/// The end of a DER certificate's validity, in milliseconds since 1970; `None` when the bytes are no certificate.
pub fn not_after(der: &[u8]) -> Option<Millis> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (signed, _) = element(certificate, SEQUENCE)?;
    let after_version = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_, after_serial) = element(after_version, INTEGER)?;
    let (_, after_algorithm) = element(after_serial, SEQUENCE)?;
    let (_, after_issuer) = element(after_algorithm, SEQUENCE)?;
    let (validity, _) = element(after_issuer, SEQUENCE)?;
    let (_, after_beginning) = moment(validity)?;
    moment(after_beginning).map(|(end, _)| end)
}

/// Takes an element with this tag off the front: its content, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    if found != tag {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        // The long form: so many bytes of length, biggest first. Certificates fit into three.
        let count = usize::from(first & 0x7f);
        let (digits, rest) = rest.split_at_checked(count).filter(|_| (1..=3).contains(&count))?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length)
}

/// Takes a time off the front: `YYMMDDHHMMSSZ`, whose years are 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn moment(der: &[u8]) -> Option<(Millis, &[u8])> {
    let short = element(der, UTC_TIME);
    let (text, rest) = short.or_else(|| element(der, GENERALIZED_TIME))?;
    let digits = text.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) || digits.len() != if short.is_some() { 12 } else { 14 } {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0_i32, |number, digit| number * 10 + i32::from(digit - b'0'));
    let (year, other) = digits.split_at(digits.len() - 10);
    let year = match (short.is_some(), number(year)) {
        (true, year) if year < 50 => 2000 + year,
        (true, year) => 1900 + year,
        (false, year) => year,
    };
    let part = |index: usize| u8::try_from(number(&other[index * 2..index * 2 + 2])).ok();
    let date = Date::from_calendar_date(year, Month::try_from(part(0)?).ok()?, part(1)?).ok()?;
    let time = Time::from_hms(part(2)?, part(3)?, part(4)?).ok()?;
    let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
    Some((seconds * 1000, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;
    use proptest::prelude::*;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let mut bytes = vec![tag];
        if length < 0x80 {
            bytes.push(length as u8);
        } else {
            bytes.extend([0x82, (length >> 8) as u8, length as u8]);
        }
        bytes.extend(content);
        bytes
    }

    /// A certificate as far as it is read; the issuer is long enough for lengths of the long form.
    fn certificate(with_version: bool, end: &[u8]) -> Vec<u8> {
        let version = if with_version { tlv(VERSION, &tlv(INTEGER, &[2])) } else { Vec::new() };
        let validity = tlv(SEQUENCE, &[&tlv(UTC_TIME, b"240101000000Z"), end].concat());
        let fields =
            [version, tlv(INTEGER, &[1]), tlv(SEQUENCE, &[6, 0]), tlv(SEQUENCE, &[7; 300]), validity, vec![5, 0]];
        tlv(SEQUENCE, &[tlv(SEQUENCE, &fields.concat()), tlv(SEQUENCE, &[])].concat())
    }

    #[test]
    fn both_notations_of_the_end_are_read() {
        let cases = [
            (UTC_TIME, b"260528202640Z".as_slice(), "2026-05-28T20:26:40Z"),
            (UTC_TIME, b"491231235959Z", "2049-12-31T23:59:59Z"),
            (UTC_TIME, b"500101000000Z", "1950-01-01T00:00:00Z"),
            (GENERALIZED_TIME, b"20520101000000Z", "2052-01-01T00:00:00Z"),
        ];
        for (tag, text, wanted) in cases {
            for with_version in [true, false] {
                let end = not_after(&certificate(with_version, &tlv(tag, text)));
                assert_eq!(end.map(time::text).as_deref(), Some(wanted));
            }
        }
        for bad in [b"261328202640Z".as_slice(), b"260528202640", b"26052820264xZ", b"2605282026Z", b""] {
            assert_eq!(not_after(&certificate(true, &tlv(UTC_TIME, bad))), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..64), at in 0usize..400,
            value in any::<u8>(), cut in 0usize..400) {
            not_after(&bytes);
            let mut whole = certificate(true, &tlv(UTC_TIME, b"260528202640Z"));
            let index = at % whole.len();
            whole[index] = value;
            not_after(&whole[..cut.min(whole.len())]);
        }
    }
}

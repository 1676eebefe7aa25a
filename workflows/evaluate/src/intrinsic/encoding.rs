//! `States.Base64Encode`, `Base64Decode`, `Hash`; and what JSONata's `$hash` shares with them.

use asl::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest as _;

use crate::random::Random;

/// Characters of an argument at most: the limit of AWS.
const LONGEST: usize = 10_000;

/// The text's UTF-8 in base 64.
pub(super) fn base64_encode(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    Ok(STANDARD.encode(text(arguments, 0)?).into())
}

/// The text that base 64 stands for; bytes that are no UTF-8 become U+FFFD.
pub(super) fn base64_decode(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let bytes = STANDARD.decode(text(arguments, 0)?).map_err(|_| "The argument is not Base64")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned().into())
}

/// The digest of the first argument by the algorithm that the second names, in lower-case hexadecimal digits.
pub(super) fn hash(arguments: &[Value], _: &mut Random) -> Result<Value, String> {
    let algorithm = text(arguments, 1)?;
    digest(text(arguments, 0)?, algorithm)
        .map(Value::from)
        .ok_or_else(|| format!("'{algorithm}' is not an algorithm: MD5, SHA-1, SHA-256, SHA-384 and SHA-512 are"))
}

/// The digest of `text`, where `algorithm` is known.
pub(crate) fn digest(text: &str, algorithm: &str) -> Option<String> {
    Some(match algorithm {
        "MD5" => hex::encode(md5::Md5::digest(text)),
        "SHA-1" => hex::encode(sha1::Sha1::digest(text)),
        "SHA-256" => hex::encode(sha2::Sha256::digest(text)),
        "SHA-384" => hex::encode(sha2::Sha384::digest(text)),
        "SHA-512" => hex::encode(sha2::Sha512::digest(text)),
        _ => return None,
    })
}

fn text(arguments: &[Value], index: usize) -> Result<&str, String> {
    let value = arguments.get(index).unwrap_or(&Value::Null);
    let text = value.as_str().ok_or_else(|| format!("Argument {} must be a string, but was: {value}", index + 1))?;
    if text.chars().count() > LONGEST {
        return Err(format!("Argument {} is longer than {LONGEST} characters", index + 1));
    }
    Ok(text)
}

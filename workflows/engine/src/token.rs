//! Task tokens: `<base64url of the execution's ARN>.<frame>.<attempt>.<32 hexadecimal digits>`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use execution::{FrameId, TaskId};

use crate::exception::Error;

/// The execution and the task that a token names.
///
/// # Errors
/// `InvalidToken`: the text is no token of this engine.
pub(crate) fn parse(token: &str) -> Result<(String, TaskId), Error> {
    parts(token).ok_or_else(invalid)
}

/// The answer to a text that is no token, or one that was never given out.
pub(crate) fn invalid() -> Error {
    Error::InvalidToken("Invalid token".to_owned())
}

/// The answer to a token whose task has ended, by time-out or otherwise.
pub(crate) fn timed_out() -> Error {
    Error::TaskTimedOut("Provided task does not exist anymore".to_owned())
}

fn parts(token: &str) -> Option<(String, TaskId)> {
    let mut parts = token.split('.');
    let arn = String::from_utf8(URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?;
    let frame = FrameId(parts.next()?.parse().ok()?);
    let attempt = parts.next()?.parse().ok()?;
    let random = parts.next()?;
    let whole = parts.next().is_none() && random.len() == 32 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then_some((arn, TaskId { frame, attempt }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_task() {
        let token = format!("{}.3.2.{:032x}", URL_SAFE_NO_PAD.encode("arn:x"), 7);
        assert_eq!(parse(&token).unwrap(), ("arn:x".to_owned(), TaskId { frame: FrameId(3), attempt: 2 }));
    }

    #[test]
    fn other_texts_are_refused() {
        let arn = URL_SAFE_NO_PAD.encode("arn:x");
        for token in ["", "x", &format!("{arn}.1.1.zz"), &format!("{arn}.-1.1.{:032x}", 0), "?.1.1.0", "é.1.1.0"] {
            assert_eq!(parse(token).unwrap_err().to_string(), "Invalid Token: 'Invalid token'", "{token}");
        }
    }
}

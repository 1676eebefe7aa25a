//! What a definition may say of the request of an HTTP Task (`arn:aws:states:::http:invoke`).

/// Headers that Step Functions does not let a definition set, in small letters.
const REFUSED: [&str; 32] = [
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
];

/// What the names of other such headers begin with.
const REFUSED_BEGINNINGS: [&str; 3] = ["x-forwarded-", "x-amz-", "x-amzn-"];

/// Whether an HTTP Task may not set the header `name`: Step Functions sets it itself, or the connection does.
#[must_use]
pub fn is_refused_header(name: &str) -> bool {
    let small = name.to_ascii_lowercase();
    REFUSED.contains(&&*small) || REFUSED_BEGINNINGS.iter().any(|beginning| small.starts_with(beginning))
}

/// What `Method` may be.
pub(crate) const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_others_are_refused_however_they_are_written() {
        for name in ["Authorization", "HOST", "x-amz-date", "X-Forwarded-For", "X-Amzn-Trace-Id"] {
            assert!(is_refused_header(name), "{name}");
        }
        for name in ["Content-Type", "X-Amazing", "Request-Id"] {
            assert!(!is_refused_header(name), "{name}");
        }
    }
}

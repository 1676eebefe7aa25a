//! The only reader of environment variables that no option stands for.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What Lambda functions get from this process's environment: where Redis is, how much they log.
const FOR_FUNCTIONS: [&str; 4] = ["REDIS_HOST", "REDIS_PORT", "RUST_LOG", "RUST_BACKTRACE"];
/// What they get besides when they talk to AWS itself.
const CREDENTIALS: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "HOME",
];

/// A variable, where it is set to text that is not empty.
#[expect(clippy::disallowed_methods, reason = "this module is the only reader of the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What functions inherit.
pub(crate) fn for_functions(with_credentials: bool) -> BTreeMap<String, String> {
    let credentials = CREDENTIALS.iter().filter(|_| with_credentials);
    FOR_FUNCTIONS.iter().chain(credentials).filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect()
}

/// Where what can be had again is kept: the user's cache, or the system's folder for temporary files.
pub(crate) fn cache() -> PathBuf {
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|cache| cache.is_absolute()).or_else(home);
    cache.unwrap_or_else(std::env::temp_dir).join("stepwright")
}

/// Whether tools that are not there may be installed.
pub(crate) fn may_install() -> bool {
    variable("STEPWRIGHT_NO_INSTALL").is_none()
}

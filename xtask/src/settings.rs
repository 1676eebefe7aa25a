//! What the environment decides.

use std::path::PathBuf;

/// `STEPWRIGHT_NO_INSTALL=1`: nothing is installed on this machine.
pub(crate) fn may_install() -> bool {
    !is_set("STEPWRIGHT_NO_INSTALL")
}

/// `CI` is set by every common continuous integration.
pub(crate) fn in_ci() -> bool {
    is_set("CI")
}

/// The cargo that runs us.
pub(crate) fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Where a program of this name is found, if it is installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0" && value != "false")
}

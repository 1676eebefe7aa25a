//! Third-party services that tests run against: installed from their package registries where that is permitted,
//! started on free loopback ports.

pub(crate) mod botocore;
pub(crate) mod moto;
pub(crate) mod postgres;
pub(crate) mod redis;

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use crate::failure::{During, Failure};
use crate::{process, settings};

/// A loopback port that nobody uses now.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).during(|| "there is no free loopback port".to_owned())
}

/// Installs a package with the system's package manager where that is possible and permitted. `Ok(false)` says that
/// it is not.
pub(crate) fn install(package: &str) -> Result<bool, Failure> {
    let Some(apt) = settings::find("apt-get") else { return Ok(false) };
    if !settings::may_install() || !rustix::process::geteuid().is_root() {
        return Ok(false);
    }
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new(&apt);
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        process::run(command, &format!("apt-get {}", arguments.join(" ")))
    };
    apt_get(&["update", "-qq"])?;
    apt_get(&["install", "-qq", "-y", "--no-install-recommends", package])?;
    Ok(true)
}

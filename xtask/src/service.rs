//! Third-party services that tests run against: installed from their package registries where that is permitted,
//! started on free loopback ports.

pub(crate) mod moto;
pub(crate) mod redis;

use std::net::{Ipv4Addr, TcpListener};

use crate::failure::{During, Failure};

/// A loopback port that nobody uses now.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).during(|| "there is no free loopback port".to_owned())
}

//! A real Redis with nothing in it, which keeps nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::failure::Failure;
use crate::process::Service;
use crate::scratch::Scratch;
use crate::{service, settings};

/// A running server and the folder it works in.
#[derive(Debug)]
pub(crate) struct Redis {
    server: Service,
    port: u16,
    _folder: Scratch,
}

impl Redis {
    /// Starts the installed server, if there is one.
    pub(crate) fn start() -> Result<Option<Self>, Failure> {
        let Some(program) = settings::find("redis-server") else { return Ok(None) };
        let folder = Scratch::new()?;
        let port = service::free_port()?;
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--daemonize", "no"]);
        command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(folder.path());
        command.stdout(Stdio::null());
        let mut server = Service::start(command, "redis-server")?;
        server.until(Duration::from_secs(20), || answers(port))?;
        Ok(Some(Self { server, port, _folder: folder }))
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Stops it.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }
}

/// Installs the server where that is possible and permitted. `Ok(false)` says that it is not.
pub(crate) fn install() -> Result<bool, Failure> {
    service::install("redis-server")
}

fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG")
    };
    ask().unwrap_or(false)
}

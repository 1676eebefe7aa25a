//! Moto, a third-party AWS emulator from PyPI, against which the sandbox's answers are checked.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::failure::Failure;
use crate::process::{self, Service};
use crate::{service, settings};

/// The version that the cross-check was written against.
const PACKAGE: &str = "moto[server]==5.2.*";

/// A running server.
#[derive(Debug)]
pub(crate) struct Moto {
    server: Service,
    port: u16,
}

impl Moto {
    /// Starts the server of this virtual environment.
    pub(crate) fn start(venv: &Path) -> Result<Self, Failure> {
        let port = service::free_port()?;
        let mut command = Command::new(program(venv));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Service::start(command, "moto_server")?;
        let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        server.until(Duration::from_secs(60), listens)?;
        Ok(Self { server, port })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Stops it.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }
}

/// Installs the server into a virtual environment unless it is there. `Ok(false)` says that it is not there and may
/// not, or cannot, be installed.
pub(crate) fn install(venv: &Path) -> Result<bool, Failure> {
    if program(venv).is_file() {
        return Ok(true);
    }
    let Some(python) = settings::find("python3").filter(|_| settings::may_install()) else { return Ok(false) };
    let mut create = Command::new(python);
    create.args(["-m", "venv"]).arg(venv);
    process::run(create, "python3 -m venv")?;
    let mut install = Command::new(venv.join("bin/pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]);
    process::run(install, &format!("pip install {PACKAGE}"))?;
    Ok(true)
}

fn program(venv: &Path) -> PathBuf {
    venv.join("bin/moto_server")
}

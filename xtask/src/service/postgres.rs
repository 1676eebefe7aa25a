//! A real PostgreSQL with nothing in it, which keeps nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::failure::{During, Failure};
use crate::process::{self, Service};
use crate::scratch::Scratch;
use crate::{service, settings};

/// Where Debian puts the servers: a folder for each major version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The server refuses to run as root; this user comes with its package.
const USER: &str = "postgres";

/// A running server and the folder it works in.
#[derive(Debug)]
pub(crate) struct Postgres {
    server: Service,
    port: u16,
    _folder: Scratch,
}

impl Postgres {
    /// Starts the installed server, if there is one. It listens on loopback only and trusts everybody there.
    pub(crate) fn start() -> Result<Option<Self>, Failure> {
        let Some(programs) = programs() else { return Ok(None) };
        let folder = Scratch::new()?;
        if is_root() {
            let mut chown = Command::new("chown");
            chown.arg(USER).arg(folder.path());
            process::run(chown, "chown")?;
        }
        let data = folder.path().join("data");
        let mut initdb = unprivileged(&programs.join("initdb"));
        initdb.args(["--auth", "trust", "--username", USER, "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
        initdb.arg("--pgdata").arg(&data).stdout(Stdio::null());
        process::run(initdb, "initdb")?;
        let port = service::free_port()?;
        let mut command = unprivileged(&programs.join("postgres"));
        command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string()]).arg("-k").arg(folder.path());
        for setting in ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200"] {
            command.args(["-c", setting]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Service::start(command, "postgres")?;
        let ready = programs.join("pg_isready");
        server.until(Duration::from_secs(30), || accepts(&ready, port))?;
        Ok(Some(Self { server, port, _folder: folder }))
    }

    /// Its URL, without a database: that is the one of the administrator.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/", self.port)
    }

    /// Stops it.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }
}

/// Installs the server where that is possible and permitted. `Ok(false)` says that it is not.
pub(crate) fn install() -> Result<bool, Failure> {
    service::install("postgresql")
}

/// The folder of the server's programs: the newest of Debian's, else the one on the path.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = versions.max_by_key(|folder| folder.file_name()?.to_str()?.parse::<u32>().ok());
    let debian = newest.map(|folder| folder.join("bin/initdb")).filter(|file| file.is_file());
    // A link on the path leads to where the other programs are.
    let file = debian.or_else(|| settings::find("initdb")?.canonicalize().ok())?;
    Some(file.parent()?.to_path_buf())
}

fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={USER}")).arg(format!("--regid={USER}")).arg("--clear-groups").arg(program);
    command
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn accepts(ready: &Path, port: u16) -> bool {
    let mut command = Command::new(ready);
    command.args(["--quiet", "-h", "127.0.0.1", "-p", &port.to_string()]).stdin(Stdio::null());
    command.status().during(|| "pg_isready".to_owned()).is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_starts_listens_and_stops() {
        let Some(mut server) = Postgres::start().unwrap() else {
            println!("SKIPPED: PostgreSQL is not installed; `cargo xtask test` installs it where it may");
            return;
        };
        let ready = programs().unwrap().join("pg_isready");
        assert!(accepts(&ready, server.port));
        server.stop();
        assert!(!accepts(&ready, server.port));
    }
}

//! A PostgreSQL server: the one that `cargo xtask test` started, else one of our own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// The server refuses to run as root; this user comes with its package.
const USER: &str = "postgres";

/// A server.
pub(crate) struct Server {
    /// Its URL up to the database's name.
    url: String,
    /// What stands behind the name: options.
    options: String,
    /// Its folder and process, when it is our own.
    own: Option<(TempDir, Child)>,
}

impl Server {
    /// The server around us, or one that ends with this value. Without either, says so.
    pub(crate) async fn start() -> Option<Self> {
        if let Some(url) = around() {
            let url = format!("{}/", url.trim_end_matches('/'));
            return Some(Self { url, options: String::new(), own: None });
        }
        Self::own(5432, &["-c", "listen_addresses="], |_| {}).await
    }

    /// A server of our own, which listens on a socket in its folder; `prepare` may put files into its data folder.
    pub(crate) async fn own(port: u16, arguments: &[&str], prepare: impl FnOnce(&Path)) -> Option<Self> {
        let Some(programs) = programs() else {
            println!("SKIPPED: PostgreSQL is not installed; `cargo xtask test` installs and starts one where it may");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        give_away(folder.path());
        let mut initdb = unprivileged(&programs.join("initdb"));
        initdb.args(["--auth", "trust", "--username", USER, "--encoding", "UTF8", "--locale", "C", "--no-sync"]);
        let made = initdb.arg("--pgdata").arg(&data).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        prepare(&data);
        give_away(&data);
        let mut server = unprivileged(&programs.join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-c", "fsync=off", "-c", "wal_level=replica"]);
        server.args(["-p", &port.to_string()]);
        let child = server.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let socket = folder.path().to_string_lossy().replace('/', "%2F");
        let mut server = Self {
            url: format!("postgres://{USER}@{socket}:{port}/"),
            options: "?sslmode=disable".into(),
            own: Some((folder, child)),
        };
        server.until_ready().await;
        Some(server)
    }

    async fn until_ready(&mut self) {
        while tokio_postgres::connect(&self.url("postgres"), NoTls).await.is_err() {
            if let Some((_, child)) = &mut self.own
                && let Some(status) = child.try_wait().unwrap()
            {
                panic!("the server ended: {status}");
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.url, self.options)
    }

    /// The folder of a server of our own.
    pub(crate) fn folder(&self) -> &Path {
        self.own.as_ref().expect("a server of our own").0.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some((_, child)) = &mut self.own else { return };
        let pid = rustix::process::Pid::from_child(child);
        // Its quickest end: nothing of it is kept.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where these tests learn of the services around them")]
fn around() -> Option<String> {
    std::env::var("STEPWRIGHT_TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty())
}

/// The folder of the server's programs: the newest of Debian's, else the one on the path.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = versions.max_by_key(|folder| folder.file_name()?.to_str()?.parse::<u32>().ok());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = newest.map(|folder| folder.join("bin")).into_iter().chain(std::env::split_paths(&path));
    // A link on the path leads to where the other programs are.
    let file = folders.map(|folder| folder.join("initdb")).find_map(|file| file.canonicalize().ok())?;
    Some(file.parent()?.to_path_buf())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Gives a folder to the server's user, where we are root.
fn give_away(folder: &Path) {
    if is_root() {
        assert!(Command::new("chown").args(["-R", USER]).arg(folder).status().unwrap().success());
    }
}

/// A command that does not run as root, and that ends with the thread that starts it.
pub(crate) fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={USER}")).arg(format!("--regid={USER}")).arg("--clear-groups");
    command.args(["--pdeathsig", "QUIT"]).arg(program);
    command
}

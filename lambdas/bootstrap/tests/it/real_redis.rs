//! The installed Redis, encrypted, with a certificate of the test's own authority.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running server, which ends with its handle.
#[derive(Debug)]
pub(crate) struct RealRedis {
    pub(crate) port: String,
    folder: TempDir,
    _process: Child,
}

impl RealRedis {
    /// Starts a server for `localhost` whose certificate ends with a year; `settings` are Redis's own. `None` where
    /// Redis is not installed.
    pub(crate) async fn start(last_year: i32, settings: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        certificates(&folder, last_year);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port().to_string();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", "0", "--save", "", "--tls-port", &port]);
        command.args(["--tls-auth-clients", "no"]).arg("--tls-ca-cert-file").arg(file("authority.pem"));
        command.arg("--tls-cert-file").arg(file("server.pem")).arg("--tls-key-file").arg(file("server.key"));
        command.arg("--dir").arg(folder.path()).args(settings);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let Ok(mut process) = started else {
            println!("SKIPPED: redis-server is not installed; `cargo xtask test` installs it where it may");
            return None;
        };
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("Ready to accept connections") {
                return Some(Self { port, folder, _process: process });
            }
        }
        panic!("redis-server ended before it was ready");
    }

    /// The file of the authority that signed the server's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// A file that holds another authority.
    pub(crate) fn stranger(&self) -> PathBuf {
        self.folder.path().join("stranger.pem")
    }
}

fn certificates(folder: &TempDir, last_year: i32) {
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    write("stranger.pem", authority("a stranger").1);
    let (issuer, pem) = authority("the test");
    write("authority.pem", pem);
    let mut server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    server.not_after = date_time_ymd(last_year, 12, 31);
    let key = KeyPair::generate().unwrap();
    write("server.pem", server.signed_by(&key, &issuer).unwrap().pem());
    write("server.key", key.serialize_pem());
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

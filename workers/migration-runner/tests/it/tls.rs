//! TLS to the database.

use crate::server::Server;
use crate::world::{World, input, nowhere};
use clients::{Clock, Environment};
use migration_runner::MigrationRunner;
use operations::Error;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use worker_kit::{Activity, Task};

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

async fn plan(world: &World, url: &str) -> Result<Value, Error> {
    let root = world.root().to_string_lossy().into_owned();
    let environment = Environment::of([("MIGRATIONS_PATH", root.as_str()), ("DATABASE_URL", url)]);
    let runner = MigrationRunner::new(&nowhere(), environment, Clock::default()).unwrap();
    runner.run(input("plan", "expand"), &Task::detached()).await
}

#[tokio::test]
async fn the_server_is_known_by_its_certificate_or_not_spoken_to() {
    let (ours, other) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, &ours).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = ["-c", "ssl=on", "-c", "listen_addresses=127.0.0.1"];
    let server = Server::own(port, &settings, |data| {
        std::fs::write(data.join("server.crt"), certificate.pem()).unwrap();
        std::fs::write(data.join("server.key"), key.serialize_pem()).unwrap();
        std::fs::set_permissions(data.join("server.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    });
    let Some(server) = server.await else { return };
    let world = World::on(server, "encrypted").await.unwrap();
    for (name, authority) in [("ours.pem", &ours), ("other.pem", &other)] {
        std::fs::write(world.root().join(name), authority.pem()).unwrap();
    }
    let url = |host: &str, file: &str| {
        let file = world.root().join(file);
        format!("postgres://postgres@{host}:{port}/encrypted?sslmode=verify-full&sslrootcert={}", file.display())
    };
    plan(&world, &url("localhost", "ours.pem")).await.unwrap();
    for (host, file) in [("localhost", "other.pem"), ("127.0.0.1", "ours.pem")] {
        let error = plan(&world, &url(host, file)).await.unwrap_err();
        assert_eq!(error.name(), "Ops.DependencyUnavailable");
        assert!(error.message().contains("certificate"), "{host} {file}: {error}");
    }
    let error = plan(&world, &url("localhost", "missing.pem")).await.unwrap_err();
    assert_eq!(error.name(), "Ops.ConfigInvalid");
}

//! The tester against servers on this machine.

mod server;

use super::*;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use server::{Reply, Server};
use std::io::Write;
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

const BODY: &str = r#"{"status": "ok", "version": "8"}"#;

fn fine(_: &str, _: usize) -> Reply {
    Reply::Answer(200, BODY.to_owned())
}

/// The input of a test of one request; what `edit` changes are the fields of `smoke`.
fn input(green: &str, blue: Option<&str>, edit: Value) -> Value {
    let mut input = json!({"target": "orders", "stage": "test-traffic", "baseUrl": green, "compareUrl": blue,
        "entry": {"catalogId": "orders", "deployment": {"testUrl": green, "productionUrl": blue}},
        "smoke": {"requests": [{"name": "health", "path": "/health", "expect": {"json": {"/status": "ok"}}}]}});
    for (name, value) in edit.as_object().unwrap() {
        input["smoke"][name] = value.clone();
    }
    input
}

async fn run_with(environment: &Environment, input: Value) -> Result<Value, Error> {
    SmokeTester::new(environment, Clock::default())?.run(input, &Task::detached()).await
}

async fn run(input: Value) -> Value {
    run_with(&Environment::default(), input).await.unwrap()
}

fn reasons(report: &Value) -> String {
    let reasons = report["reasons"].as_array().unwrap().iter();
    reasons.map(|reason| reason.as_str().unwrap()).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn a_good_side_passes_with_fresh_connections_and_marked_requests() {
    let server = Server::start(fine).await;
    let mut input = input(&server.url, None, json!({"versionPath": "/version"}));
    (input["expectVersion"], input["requestId"]) = (json!("8"), json!("d-1/test"));
    input["smoke"]["requests"][0]["headers"] = json!({"Authorization": "Bearer token"});
    let report = run(input).await;
    assert_eq!(
        (&report["verdict"], reasons(&report).as_str()),
        (&json!("PASS"), "no comparison: compareUrl is missing")
    );
    let endpoint = &report["endpoints"][1];
    assert_eq!(
        (&endpoint["name"], &endpoint["attempts"], &endpoint["passed"]),
        (&json!("health"), &json!(3), &json!(3))
    );
    assert!(endpoint["p50Ms"].as_f64().unwrap() > 0.0 && endpoint["split"]["firstByteMs"].as_f64().unwrap() > 0.0);
    assert_eq!(endpoint["split"]["tlsMs"], Value::Null);
    // A server of the tests answers one request for each connection.
    let received = server.received();
    assert_eq!(received.len(), 6);
    assert!(received.iter().all(|head| head.contains("\r\nx-stepwright-smoke: d-1/test\r\n")), "{received:?}");
    let host = server.url.trim_start_matches("http://");
    assert!(received.iter().all(|head| head.contains(&format!("\r\nhost: {host}\r\n"))), "{received:?}");
    assert_eq!(received.iter().filter(|head| head.contains("\r\nauthorization: bearer token")).count(), 3);
}

#[tokio::test]
async fn bodies_are_sent_and_refusals_can_be_what_is_wanted() {
    let server = Server::start(|_, _| Reply::Answer(401, String::new())).await;
    let request = json!([{"name": "no token", "method": "POST", "path": "/orders?dry=1", "body": {"item": 7},
        "expect": {"status": [401, 403]}}]);
    let report = run(input(&server.url, None, json!({"requests": request}))).await;
    assert_eq!(report["verdict"], "PASS", "{report}");
    let head = &server.received()[0];
    assert!(head.starts_with("post /orders?dry=1 http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json") && head.ends_with("{\"item\":7}"), "{head}");
}

#[tokio::test]
async fn a_side_that_fails_now_and_then_is_neither_good_nor_bad() {
    let behave = |_: &str, before: usize| Reply::Answer(if before == 1 { 503 } else { 200 }, BODY.to_owned());
    let server = Server::start(behave).await;
    let blue = Server::start(fine).await;
    let report = run(input(&server.url, Some(&blue.url), json!({}))).await;
    assert_eq!(report["verdict"], "INCONCLUSIVE");
    let text = reasons(&report);
    assert!(text.starts_with("health: 1 of 3 attempts failed: answered 503, not 200"), "{text}");
    assert_eq!(report["endpoints"][0]["health"], "degraded");
    assert!(blue.received().is_empty(), "its speed does not matter any more");
}

#[tokio::test]
async fn the_old_side_is_found_by_its_version() {
    let server = Server::start(|_, _| Reply::Answer(200, r#"{"status": "ok", "version": "7"}"#.into())).await;
    let mut input = input(&server.url, None, json!({"versionPath": "/version"}));
    input["expectVersion"] = json!("8");
    let report = run(input).await;
    assert_eq!(report["verdict"], "FAIL");
    let text = reasons(&report);
    assert!(text.contains("answered by the old side: its version is \"7\", not \"8\""), "{text}");
    assert_eq!(report["evidence"][0]["value"]["version"], "7");
}

#[tokio::test]
async fn redirects_are_judged_and_never_followed() {
    let elsewhere = Server::start(fine).await;
    let url = elsewhere.url.clone();
    let server = Server::start(move |_, _| Reply::Redirect(format!("{url}/health"))).await;
    let report = run(input(&server.url, None, json!({}))).await;
    assert_eq!(report["verdict"], "FAIL");
    assert!(reasons(&report).contains("redirects are not followed"), "{report}");
    let wanted = json!([{"name": "to https", "path": "/", "expect": {"status": [302]}}]);
    assert_eq!(run(input(&server.url, None, json!({"requests": wanted}))).await["verdict"], "PASS");
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn a_side_without_a_proper_answer_fails_with_the_cause() {
    let cases = [
        (Reply::Huge, "the answer's body is longer than 1048576 bytes"),
        (Reply::Dribble, "no answer within 200 ms: the answer's body took too long"),
        (Reply::Silence, "no answer within 200 ms: the answer took too long"),
        (Reply::Cut, "the answer's body broke off"),
        (Reply::Garbage, "the connection broke"),
    ];
    for (reply, wanted) in cases {
        let timeout = if matches!(reply, Reply::Dribble | Reply::Silence) { 200 } else { 20_000 };
        let server = Server::start(move |_, _| reply.clone()).await;
        let report = run(input(&server.url, None, json!({"timeoutMs": timeout}))).await;
        assert_eq!(report["verdict"], "FAIL");
        let text = reasons(&report);
        assert!(text.starts_with(&format!("health: 3 of 3 attempts failed: {wanted}")), "{text}");
    }
    let report = run(input(&Server::nobody().await, None, json!({}))).await;
    assert!(reasons(&report).contains("no connection to port"), "{report}");
    assert_eq!((&report["verdict"], &report["endpoints"][0]["p50Ms"]), (&json!("FAIL"), &Value::Null));
}

#[tokio::test]
async fn a_slower_side_fails_by_comparison_and_an_equal_one_passes() {
    let blue = Server::start(|_, _| Reply::Slow(Duration::from_millis(2), BODY.to_owned())).await;
    let slow = Server::start(|_, _| Reply::Slow(Duration::from_millis(80), BODY.to_owned())).await;
    let report = run(input(&slow.url, Some(&blue.url), json!({"pairs": 10}))).await;
    assert_eq!(report["verdict"], "FAIL", "{report}");
    assert!(reasons(&report).starts_with("health: slower than blue: +"), "{report}");
    let endpoint = &report["endpoints"][0];
    assert_eq!((&endpoint["attempts"], &endpoint["blue"]["attempts"]), (&json!(13), &json!(10)));
    assert_eq!((&endpoint["difference"]["pairs"], &endpoint["passed"]), (&json!(10), &json!(13)));
    let equal = Server::start(|_, _| Reply::Slow(Duration::from_millis(2), BODY.to_owned())).await;
    // What a loaded machine does to one side by chance stays below fifty times.
    let report = run(input(&equal.url, Some(&blue.url), json!({"pairs": 10, "maxSlowdown": 50}))).await;
    assert_eq!(
        (&report["verdict"], reasons(&report).as_str()),
        (&json!("PASS"), "which revision answers was not checked: expectVersion is missing")
    );
}

#[tokio::test]
async fn the_sides_of_a_pair_are_asked_in_turns() {
    let order = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let side = |letter: char| {
        let order = std::sync::Arc::clone(&order);
        Server::start(move |line, before| {
            order.lock().unwrap().push(letter);
            fine(line, before)
        })
    };
    let (green, blue) = (side('g').await, side('b').await);
    run(input(&green.url, Some(&blue.url), json!({"pairs": 7}))).await;
    assert_eq!(*order.lock().unwrap(), "ggg gb bg gb bg gb bg gb".replace(' ', ""));
}

#[tokio::test]
async fn a_blue_that_does_not_answer_leaves_the_comparison_open() {
    let green = Server::start(fine).await;
    let report = run(input(&green.url, Some(&Server::nobody().await), json!({}))).await;
    assert_eq!(report["verdict"], "INCONCLUSIVE");
    assert!(reasons(&report).contains("too few to compare: 7 are needed; blue: no connection"), "{report}");
}

#[tokio::test]
async fn a_dropped_task_closes_its_connections() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let work = run(input(&server.url, None, json!({"timeoutMs": 60_000})));
    let begun = async {
        while server.received().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = work => panic!("nobody answers"),
        () = begun => {}
    }
    server.left().await;
}

#[tokio::test]
async fn addresses_that_hold_credentials_are_not_asked_whoever_names_them() {
    let tls = Tls::new(&Environment::default()).unwrap();
    let place = Place { tls: false, host: "169.254.169.254".into(), port: 80, path: String::new() };
    let check = Smoke::parse(&input("http://127.0.0.1", None, json!({}))).unwrap().checks().remove(0);
    let outcome = connection::exchange(&tls, &place, &check.request, "marker", Duration::from_secs(20)).await;
    assert!(outcome.unwrap_err().contains("a link-local or metadata address, which is not asked"));
}

#[tokio::test]
async fn a_bad_input_is_refused_by_field() {
    let mut bad = input("http://127.0.0.1:1", None, json!({"rounds": 0}));
    let error = run_with(&Environment::default(), bad.clone()).await.unwrap_err();
    assert_eq!((error.name(), error.message()), ("Ops.ConfigInvalid", "smoke.rounds must be between 1 and 20"));
    bad["baseUrl"] = json!("http://127.0.0.1:2");
    let error = run_with(&Environment::default(), bad).await.unwrap_err();
    assert_eq!(error.name(), "Ops.InvalidInput");
    assert!(error.message().starts_with("baseUrl must be entry.deployment.testUrl"), "{error}");
}

/// An authority of this test, and the file that names it.
fn authority() -> (CertifiedIssuer<'static, KeyPair>, tempfile::NamedTempFile) {
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(authority.pem().as_bytes()).unwrap();
    (authority, file)
}

/// A server whose certificate expires in so many days.
async fn secure(authority: &CertifiedIssuer<'static, KeyPair>, days: i64) -> Server {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = time::OffsetDateTime::now_utc() + time::Duration::days(days) + time::Duration::hours(1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    Server::secure(TlsAcceptor::from(std::sync::Arc::new(config)), fine).await
}

#[tokio::test]
async fn certificates_must_be_trusted_and_valid_for_two_weeks() {
    let (authority, file) = authority();
    let environment = Environment::of([("SMOKE_CA_FILE", file.path().to_str().unwrap())]);
    let long = secure(&authority, 90).await;
    let report = run_with(&environment, input(&long.url, None, json!({}))).await.unwrap();
    assert_eq!(report["verdict"], "PASS", "{report}");
    assert!(report["endpoints"][0]["split"]["tlsMs"].as_f64().unwrap() > 0.0);
    let report = run(input(&long.url, None, json!({}))).await;
    assert!(reasons(&report).contains("the TLS handshake failed: invalid peer certificate: UnknownIssuer"), "{report}");
    let cases = [
        (3, "the TLS certificate expires in 3 days: more than 14 are needed"),
        (-1, "the TLS handshake failed: invalid peer certificate: certificate expired"),
    ];
    for (days, wanted) in cases {
        let server = secure(&authority, days).await;
        let report = run_with(&environment, input(&server.url, None, json!({}))).await.unwrap();
        assert_eq!(report["verdict"], "FAIL");
        let text = reasons(&report);
        assert!(text.contains(wanted), "{text}");
    }
}

#[test]
fn the_file_of_authorities_is_checked_by_name() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    for path in ["/nowhere/at/all.pem", empty.path().to_str().unwrap()] {
        let environment = Environment::of([("SMOKE_CA_FILE", path)]);
        let error = SmokeTester::new(&environment, Clock::default()).unwrap_err();
        assert_eq!(error.name(), "Ops.ConfigInvalid");
        assert!(error.message().starts_with("SMOKE_CA_FILE must name a PEM file"), "{error}");
    }
}

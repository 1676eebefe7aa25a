//! Who is answered: signatures, web pages, throttling, backups.

use super::*;

fn key(secret: &str) -> Key {
    Key { access_key_id: "AKID".to_owned(), secret_access_key: secret.to_owned(), session_token: None }
}

#[tokio::test]
async fn with_keys_only_signed_requests_are_answered() {
    let mut keys = Keys::default();
    keys.add(key("secret"));
    let options = Options { keys: Some(Arc::new(keys)), ..Options::on((Ipv4Addr::LOCALHOST, 0).into()) };
    let server = Server::start(engine(Clock::manual(NOW)).await, options).await.unwrap();
    let mut client = Connection::open(&server).await;
    let signed = |secret: &str, service: &'static str| {
        let mut request = request("ListActivities", "{}".to_owned()).map(|_| Bytes::from_static(b"{}"));
        key(secret).sign(&mut request, Scope { region: "us-east-1", service: Some(service) });
        request.map(Full::new)
    };
    assert_eq!(client.send(signed("secret", "states")).await, (200, json!({ "activities": [] })));
    for (request, wanted) in [
        (request("ListActivities", "{}".to_owned()), "MissingAuthenticationTokenException"),
        (request("Fly", "{".to_owned()), "MissingAuthenticationTokenException"),
        (signed("guess", "states"), "InvalidSignatureException"),
        (signed("secret", "lambda"), "InvalidSignatureException"),
    ] {
        let (status, answer) = client.send(request).await;
        assert_eq!((status, &answer["__type"]), (400, &json!(format!("com.amazon.coral.service#{wanted}"))));
    }
    server.stop().await;
}

#[tokio::test]
async fn web_pages_are_not_answered() {
    let server = server().await;
    let mut client = Connection::open(&server).await;
    let mut request = request("ListActivities", "{}".to_owned());
    request.headers_mut().insert("origin", "http://localhost".parse().unwrap());
    let (status, answer) = client.send(request).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("com.amazon.coral.service#AccessDeniedException")));
    server.stop().await;
}

#[tokio::test]
async fn too_many_requests_are_throttled_in_the_engines_time() {
    let mut throttle = Throttle::none();
    throttle.set("ListActivities", Bucket { size: 2, refill: 1.0 }).unwrap();
    throttle.set("StartExecution:EXPRESS", Bucket { size: 1, refill: 1.0 }).unwrap();
    let clock = Clock::manual(NOW);
    let options = Options { throttle, ..Options::on((Ipv4Addr::LOCALHOST, 0).into()) };
    let server = Server::start(engine(clock.clone()).await, options).await.unwrap();
    let mut client = Connection::open(&server).await;
    client.done("ListActivities", json!({})).await;
    client.done("ListActivities", json!({})).await;
    let wanted = ("ThrottlingException".to_owned(), "Rate exceeded".to_owned());
    assert_eq!(client.refused("ListActivities", json!({})).await, wanted);
    clock.advance(1000);
    client.done("ListActivities", json!({})).await;
    let standard = client.machine("s", &pass()).await;
    for _ in 0..3 {
        client.done("StartExecution", json!({ "stateMachineArn": standard })).await;
    }
    let role = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let new = json!({ "name": "x", "roleArn": role, "definition": pass().to_string(), "type": "EXPRESS" });
    let express = client.done("CreateStateMachine", new).await["stateMachineArn"].clone();
    client.done("StartExecution", json!({ "stateMachineArn": express })).await;
    let aliased = json!({ "stateMachineArn": format!("{}:live", express.as_str().unwrap()) });
    assert_eq!(client.refused("StartExecution", aliased).await, wanted, "an alias of it has the same bucket");
    server.stop().await;
}

#[tokio::test]
async fn a_backup_is_a_stream_for_callers_on_this_machine() {
    let server = server().await;
    let mut connection = Connection::open(&server).await;
    let mut ask = async |method: &str| {
        let request = Request::builder().method(method).uri("/_stepwright/backup").header("host", "x");
        connection.sender.ready().await.unwrap();
        let response = connection.sender.send_request(request.body(Full::default()).unwrap()).await.unwrap();
        (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
    };
    let (status, backup) = ask("POST").await;
    assert_eq!(status, 200);
    // Its format and nothing else.
    assert_eq!(engine::verify_backup(&mut &backup[..]).unwrap().records, 1);
    assert_eq!(ask("GET").await.0, 405);

    let engine = engine(Clock::manual(NOW)).await;
    for (peer, refused) in [(Some("10.0.0.1:5"), true), (None, true), (Some("[::ffff:127.0.0.1]:5"), false)] {
        let request = Request::post("/_stepwright/backup").body(()).unwrap();
        let ControlFlow::Break(response) =
            backup::answer(&engine, None, peer.map(|peer| peer.parse().unwrap()), request)
        else {
            panic!("it is a backup that is asked for")
        };
        assert_eq!(response.status().as_u16() == 403, refused, "{peer:?}");
    }
    let other = Request::post("/").body(()).unwrap();
    assert!(matches!(backup::answer(&engine, None, None, other), ControlFlow::Continue(_)));
    server.stop().await;
}

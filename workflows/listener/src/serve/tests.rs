use http_body_util::Full;
use std::net::Ipv4Addr;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use super::*;

/// A listener that echoes bodies; a request for `/held` is answered when `release` has a permit.
struct Echo {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
    release: Arc<Semaphore>,
}

async fn echo(options: Options) -> Echo {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let release = Arc::new(Semaphore::new(0));
    let permits = Arc::clone(&release);
    let handler = move |request: Request<Incoming>| {
        let permits = Arc::clone(&permits);
        async move {
            let (head, body) = request.into_parts();
            let body = crate::receive(&head.extensions, body, 1024).await;
            if head.uri.path() == "/held" {
                permits.acquire().await.unwrap().forget();
            }
            Response::new(Full::new(body.unwrap_or_else(|error| format!("{error:?}").into())))
        }
    };
    let serving = tokio::spawn(serve(listener, options, stopping, handler));
    Echo { address, stop, serving, release }
}

fn small(connections: u32) -> Options {
    Options { connections, ..Options::default() }
}

async fn open(echo: &Echo) -> TcpStream {
    TcpStream::connect(echo.address).await.unwrap()
}

/// Sends `text` and reads what comes until `end`, or until the connection closes.
async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), text: &str, end: &str) -> String {
    if stream.write_all(text.as_bytes()).await.is_err() {
        return String::new();
    }
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&read).ends_with(end) || end.is_empty() {
        match stream.read(&mut piece).await {
            Ok(count) if count > 0 => read.extend_from_slice(&piece[..count]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn idle_and_dribbling_connections_make_room_for_those_that_ask() {
    let echo = echo(small(8)).await;
    let mut others = Vec::new();
    for number in 0..40 {
        let mut other = open(&echo).await;
        let begin = match number % 4 {
            0 => "",
            1 => "POST / HT",
            2 => "POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
            _ => "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
        };
        other.write_all(begin.as_bytes()).await.unwrap();
        others.push(other);
    }
    let mut client = open(&echo).await;
    for body in ["one", "two", "three"] {
        assert!(exchange(&mut client, &post("/", body), body).await.ends_with(body));
    }
    let mut first = [0];
    assert_eq!(others[0].read(&mut first).await.unwrap_or_default(), 0, "the first to come is the first to go");
}

#[tokio::test]
async fn a_connection_that_is_being_answered_is_not_displaced() {
    let echo = echo(small(2)).await;
    let mut held = open(&echo).await;
    let answer = tokio::spawn(async move { exchange(&mut held, &post("/held", "held"), "held").await });
    for _ in 0..20 {
        let mut other = open(&echo).await;
        assert!(exchange(&mut other, &post("/", "x"), "x").await.ends_with('x'));
    }
    let _idle = open(&echo).await;
    let mut other = open(&echo).await;
    assert!(exchange(&mut other, &post("/", "y"), "y").await.ends_with('y'));
    echo.release.add_permits(1);
    assert!(answer.await.unwrap().ends_with("held"));
}

#[tokio::test]
async fn heads_and_bodies_have_their_time() {
    let times =
        Options { head_time: Duration::from_millis(100), body_time: Duration::from_millis(100), ..Options::default() };
    let echo = echo(times).await;
    let mut slow = open(&echo).await;
    assert_eq!(exchange(&mut slow, "POST / HTTP/1.1\r\nHost: ", "").await, "", "a head that does not end");
    let mut silent = open(&echo).await;
    assert_eq!(exchange(&mut silent, "", "").await, "", "nothing at all");
    let mut late = open(&echo).await;
    let begun = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc";
    assert!(exchange(&mut late, begun, "Late(100ms)").await.ends_with("Late(100ms)"), "a body that does not end");
}

#[tokio::test]
async fn giant_heads_and_bodies_are_refused() {
    let echo = echo(Options::default()).await;
    let mut client = open(&echo).await;
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nX-Giant: {}\r\n\r\n", "x".repeat(1 << 20));
    let answer = exchange(&mut client, &head, "").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    let mut client = open(&echo).await;
    let headers: String = (0..1000).map(|number| format!("X-{number}: 1\r\n")).collect();
    let answer = exchange(&mut client, &format!("POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n"), "").await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let mut client = open(&echo).await;
    assert!(exchange(&mut client, &post("/", &"x".repeat(20_000)), "TooLong").await.ends_with("TooLong"));
    let endless = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let mut client = open(&echo).await;
    assert!(exchange(&mut client, &format!("{endless}{}", chunk.repeat(20)), "TooLong").await.ends_with("TooLong"));
}

#[tokio::test]
async fn requests_in_one_go_are_answered_in_order_and_a_half_closed_client_gets_its_answer() {
    let echo = echo(Options::default()).await;
    let mut client = open(&echo).await;
    let all: String = (0..50).map(|number| post("/", &format!("<{number}>"))).collect();
    let answers = exchange(&mut client, &all, "<49>").await;
    let places: Vec<_> = (0..50).map(|number| answers.find(&format!("<{number}>")).unwrap()).collect();
    assert!(places.is_sorted());
    let mut client = open(&echo).await;
    client.write_all(post("/", "last").as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    assert!(exchange(&mut client, "", "last").await.ends_with("last"));
}

#[tokio::test]
async fn requests_under_way_end_when_the_listener_stops() {
    let echo = echo(Options::default()).await;
    let mut held = open(&echo).await;
    held.write_all(post("/held", "held").as_bytes()).await.unwrap();
    let mut other = open(&echo).await;
    assert!(exchange(&mut other, &post("/", "x"), "x").await.ends_with('x'));
    echo.stop.send_replace(true);
    echo.release.add_permits(1);
    assert!(exchange(&mut held, "", "held").await.ends_with("held"));
    assert_eq!(exchange(&mut other, "", "").await, "", "an idle one is closed");
    echo.serving.await.unwrap();
    assert!(TcpStream::connect(echo.address).await.is_err());
}

#[tokio::test]
async fn a_certificate_encrypts_and_plain_callers_are_served_on_this_machine_only() {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("c"), folder.path().join("k"));
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let tls = Tls::read(&certificate, &key).unwrap();
    let head_time = Duration::from_millis(500);
    let echo = echo(Options { tls: Some(tls), head_time, ..Options::default() }).await;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let mut encrypted = connector.connect(name, open(&echo).await).await.unwrap();
    assert_eq!(encrypted.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(exchange(&mut encrypted, &post("/", "secret"), "secret").await.ends_with("secret"));

    let mut plain = open(&echo).await;
    assert!(exchange(&mut plain, &post("/", "plain"), "plain").await.ends_with("plain"));
    let mut broken = open(&echo).await;
    broken.write_all(&[HANDSHAKE, 3, 1, 255]).await.unwrap();
    assert!(!exchange(&mut broken, "", "").await.contains("HTTP"), "a handshake that does not end");
}

#[tokio::test]
async fn a_plain_caller_is_told_what_to_say() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    refuse_plain(stream).await;
    assert!(exchange(&mut client, "", "").await.contains("400 Bad Request\r\n"));
}

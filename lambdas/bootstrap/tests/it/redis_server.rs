//! A Redis as far as the functions need one: strings in memory, with times to live, a password and a command log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Default)]
struct State {
    keys: BTreeMap<String, (String, i64)>,
    password: Option<String>,
    commands: Vec<Vec<String>>,
}

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct RedisServer {
    pub(crate) port: String,
    state: Arc<Mutex<State>>,
}

impl RedisServer {
    pub(crate) async fn start(password: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let state = Arc::new(Mutex::new(State { password: password.map(str::to_owned), ..State::default() }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { port, state }
    }

    /// Sets a key; a time to live of -1 is none.
    pub(crate) fn set(&self, key: &str, value: &str, ttl: i64) {
        self.state.lock().unwrap().keys.insert(key.to_owned(), (value.to_owned(), ttl));
    }

    /// Asks for another password from now on.
    pub(crate) fn rotate(&self, password: &str) {
        self.state.lock().unwrap().password = Some(password.to_owned());
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.state.lock().unwrap().keys.get(key).map(|(value, _)| value.clone())
    }

    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.state.lock().unwrap().keys.keys().filter(|key| key.starts_with(prefix)).count()
    }

    /// How often a command came.
    pub(crate) fn times(&self, command: &str) -> usize {
        self.state.lock().unwrap().commands.iter().filter(|words| words[0] == command).count()
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut stream = BufReader::new(stream);
    let mut allowed = state.lock().unwrap().password.is_none();
    while let Some(words) = read(&mut stream).await {
        let answer = answer(&state, words, &mut allowed);
        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let count = number(stream, '*').await?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length = number(stream, '$').await?;
        let mut word = vec![0; length + 2];
        stream.read_exact(&mut word).await.ok()?;
        word.truncate(length);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Some(words)
}

async fn number(stream: &mut BufReader<TcpStream>, sign: char) -> Option<usize> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    line.trim().strip_prefix(sign)?.parse().ok()
}

fn answer(state: &Mutex<State>, mut words: Vec<String>, allowed: &mut bool) -> String {
    let mut state = state.lock().unwrap();
    words[0] = words[0].to_uppercase();
    state.commands.push(words.clone());
    if words[0] == "AUTH" {
        *allowed = words.last() == state.password.as_ref();
        return if *allowed { "+OK\r\n".into() } else { "-WRONGPASS invalid password\r\n".into() };
    }
    if !*allowed {
        return "-NOAUTH Authentication required.\r\n".into();
    }
    match words[0].as_str() {
        "GET" => match state.keys.get(&words[1]) {
            Some((value, _)) => format!("${}\r\n{value}\r\n", value.len()),
            None => "$-1\r\n".into(),
        },
        "INCR" => {
            let value: i64 = state.keys.get(&words[1]).map_or(0, |(value, _)| value.parse().unwrap_or(0)) + 1;
            state.keys.insert(words[1].clone(), (value.to_string(), -1));
            format!(":{value}\r\n")
        }
        "DBSIZE" => format!(":{}\r\n", state.keys.len()),
        "TTL" => format!(":{}\r\n", state.keys.get(&words[1]).map_or(-2, |(_, ttl)| *ttl)),
        "UNLINK" => {
            let gone = words[1..].iter().filter(|key| state.keys.remove(*key).is_some()).count();
            format!(":{gone}\r\n")
        }
        "SCAN" => scan(&state, &words),
        other => format!("-ERR unknown command '{other}'\r\n"),
    }
}

/// A scan whose cursor is the number of the first key after those already seen that are still to be seen. Deleting
/// what was seen shifts the rest, so keys are taken from the back.
fn scan(state: &State, words: &[String]) -> String {
    let option = |name: &str| words.iter().position(|word| word == name).map(|index| words[index + 1].as_str());
    let count: usize = option("COUNT").and_then(|text| text.parse().ok()).unwrap_or(10);
    let prefix = option("MATCH").map(|pattern| pattern.trim_end_matches('*').replace('\\', ""));
    let cursor: usize = words[1].parse().unwrap_or(0);
    let end = if cursor == 0 { state.keys.len() } else { cursor.min(state.keys.len()) };
    let start = end.saturating_sub(count);
    let keys: Vec<_> = state.keys.keys().skip(start).take(end - start).collect();
    let shown: Vec<_> =
        keys.into_iter().filter(|key| prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix))).collect();
    let next = start.to_string();
    let mut text = format!("*2\r\n${}\r\n{next}\r\n*{}\r\n", next.len(), shown.len());
    for key in shown {
        text.push_str(&format!("${}\r\n{key}\r\n", key.len()));
    }
    text
}

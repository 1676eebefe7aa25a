//! A real Redis with a catalogue in it, and neighbours that must not be harmed.
//!
//! The catalogue's application reads through the namespace's version, `catalog:v<version>:product:<n>`: raising the
//! version makes every older entry invisible at once, and Redis forgets them as they expire.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::failure::{During, Failure};
use crate::service::redis::Redis;

/// Keys of the namespace that the story clears.
const ENTRIES: usize = 500;
/// Where the namespace's version stands; absent means 0.
const VERSION: &str = "catalog:ver";
/// How many keys share the server with it.
pub(crate) const NEIGHBOURS: usize = 4;
const OTHERS: [&str; NEIGHBOURS] = ["session:alice", "lock:order-17", "queue:mail", "ratelimit:10.0.0.1"];

/// The cache of the story.
#[derive(Debug)]
pub(crate) struct Cache {
    port: u16,
}

impl Cache {
    /// Fills the server.
    pub(crate) fn of(redis: &Redis) -> Result<Self, Failure> {
        let cache = Self { port: redis.port() };
        let mut connection = cache.connect()?;
        for entry in 0..ENTRIES {
            connection.integer_or_ok(&["SET", &key(0, entry), "stale"])?;
        }
        for neighbour in OTHERS {
            connection.integer_or_ok(&["SET", neighbour, "precious"])?;
        }
        Ok(cache)
    }

    /// How many keys beside the catalogue are there.
    pub(crate) fn neighbours(&self) -> Result<usize, Failure> {
        self.count(OTHERS.iter().map(|name| (*name).to_owned()))
    }

    /// How many entries of the catalogue its application sees.
    pub(crate) fn entries(&self) -> Result<usize, Failure> {
        // INCRBY 0 reads a number, and 0 where there is none.
        let version = self.connect()?.integer_or_ok(&["INCRBY", VERSION, "0"])?;
        self.count((0..ENTRIES).map(|entry| key(version, entry)))
    }

    fn count(&self, keys: impl Iterator<Item = String>) -> Result<usize, Failure> {
        let mut connection = self.connect()?;
        let mut there = 0;
        for key in keys {
            there += connection.integer_or_ok(&["EXISTS", &key])?;
        }
        Ok(there)
    }

    fn connect(&self) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).during(|| "Redis".to_owned())?;
        Ok(Connection(BufReader::new(stream)))
    }
}

/// Where the catalogue's application keeps an entry.
fn key(version: usize, entry: usize) -> String {
    format!("catalog:v{version}:product:{entry}")
}

/// The few words of Redis's protocol (RESP 2) that this needs.
struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Sends a command; an integer answer is returned, any other success is 0.
    fn integer_or_ok(&mut self, command: &[&str]) -> Result<usize, Failure> {
        let mut exchange = || -> std::io::Result<String> {
            let words: String = command.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
            self.0.get_mut().write_all(format!("*{}\r\n{words}", command.len()).as_bytes())?;
            let mut answer = String::new();
            self.0.read_line(&mut answer)?;
            Ok(answer)
        };
        let answer = exchange().during(|| format!("Redis: {}", command.join(" ")))?;
        match answer.trim_end().split_at_checked(1) {
            Some((":", number)) => number.parse().during(|| "Redis".to_owned()),
            Some(("+", _)) => Ok(0),
            _ => Err(Failure::new(format!("Redis: {}: {}", command.join(" "), answer.trim_end()))),
        }
    }
}

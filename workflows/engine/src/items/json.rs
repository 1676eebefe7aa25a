//! JSON: an array anywhere in a document, or an object there, read element by element; and JSON Lines.

use std::io::{BufRead as _, Read as _};
use std::sync::Arc;

use asl::Value;
use execution::Failure;

use super::file::{Bytes, ReadRecord, Record, unreadable};
use super::{NOT_ITERABLE, failed};

/// The longest element, in bytes: it must fit a child's input anyway.
const MOST_BYTES: usize = 16 << 20;

/// The elements of an array, or the members of an object.
pub(super) struct Items {
    text: Scanner,
    is_object: bool,
    first: bool,
}

impl Items {
    /// Goes to the array or the object that the names of a pointer lead to. Only a pointer leads to an object.
    pub(super) fn open(bytes: Bytes, pointer: &[String]) -> Result<Self, Failure> {
        let mut text = Scanner { bytes, peeked: None };
        for name in pointer {
            text.enter(name)?;
        }
        let is_object = match text.solid()? {
            Some(b'[') => false,
            Some(b'{') if !pointer.is_empty() => true,
            _ => return Err(failed(NOT_ITERABLE)),
        };
        text.take()?;
        Ok(Self { text, is_object, first: true })
    }
}

impl ReadRecord for Items {
    fn read(&mut self) -> Result<Option<Record>, Failure> {
        if !self.text.more(self.is_object, &mut self.first)? {
            return Ok(None);
        }
        let key = if self.is_object { Some(self.text.key()?) } else { None };
        let mut element = Vec::new();
        self.text.value(Some(&mut element))?;
        let value = parse(&element)?;
        Ok(Some(Record { key: key.map(Arc::from), value, bytes: element.len() }))
    }
}

/// Lines that are JSON documents; empty ones are passed over.
pub(super) struct Lines {
    bytes: Bytes,
}

impl Lines {
    pub(super) const fn open(bytes: Bytes) -> Self {
        Self { bytes }
    }
}

impl ReadRecord for Lines {
    fn read(&mut self) -> Result<Option<Record>, Failure> {
        loop {
            let mut line = Vec::new();
            let most = MOST_BYTES as u64 + 1;
            let read =
                self.bytes.by_ref().take(most).read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
            if read == 0 {
                return Ok(None);
            }
            if line.len() > MOST_BYTES {
                return Err(too_long());
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(Record { key: None, value: parse(&line)?, bytes: line.len() }));
            }
        }
    }
}

fn parse(text: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(text).map_err(|error| failed(format!("the file is not JSON: {error}")))
}

fn too_long() -> Failure {
    failed(format!("an item is longer than {MOST_BYTES} bytes"))
}

/// Tells values apart without reading them.
struct Scanner {
    bytes: Bytes,
    peeked: Option<u8>,
}

impl Scanner {
    /// The next byte, which stays; `None` at the end.
    fn peek(&mut self) -> Result<Option<u8>, Failure> {
        if self.peeked.is_none() {
            self.peeked = self.bytes.fill_buf().map_err(|error| unreadable(&error))?.first().copied();
            self.bytes.consume(usize::from(self.peeked.is_some()));
        }
        Ok(self.peeked)
    }

    /// The next byte.
    fn take(&mut self) -> Result<u8, Failure> {
        self.peek()?;
        self.peeked.take().ok_or_else(|| failed("the file is not JSON: it ends too soon"))
    }

    /// The next byte that is not white space, which stays.
    fn solid(&mut self) -> Result<Option<u8>, Failure> {
        while self.peek()?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.peeked = None;
        }
        self.peek()
    }

    /// Takes `wanted`, which must be next.
    fn expect(&mut self, wanted: u8) -> Result<(), Failure> {
        self.solid()?;
        match self.take()? {
            byte if byte == wanted => Ok(()),
            byte => {
                let (wanted, found) = (char::from(wanted), char::from(byte));
                Err(failed(format!("the file is not JSON: '{wanted}' was expected, not '{found}'")))
            }
        }
    }

    /// Whether another element or member follows; takes the comma before it, or the bracket after the last.
    fn more(&mut self, is_object: bool, first: &mut bool) -> Result<bool, Failure> {
        let end = if is_object { b'}' } else { b']' };
        if self.solid()? == Some(end) {
            self.take()?;
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// A member's name, with the colon after it.
    fn key(&mut self) -> Result<String, Failure> {
        let mut text = Vec::new();
        if self.solid()? != Some(b'"') {
            return Err(failed("the file is not JSON: a member's name was expected"));
        }
        self.value(Some(&mut text))?;
        self.expect(b':')?;
        serde_json::from_slice(&text).map_err(|error| failed(format!("the file is not JSON: {error}")))
    }

    /// Goes to the member or the element `name`.
    fn enter(&mut self, name: &str) -> Result<(), Failure> {
        let is_object = match self.solid()? {
            Some(b'{') => true,
            Some(b'[') => false,
            _ => return Err(failed(NOT_ITERABLE)),
        };
        self.take()?;
        let (mut first, mut index) = (true, 0_usize);
        while self.more(is_object, &mut first)? {
            let found = if is_object { self.key()? } else { index.to_string() };
            if found == name {
                self.solid()?;
                return Ok(());
            }
            self.value(None)?;
            index += 1;
        }
        Err(failed(format!("The ItemsPointer leads nowhere: the document has no '{name}' there.")))
    }

    /// Takes a value, and keeps its text where wanted.
    fn value(&mut self, mut text: Option<&mut Vec<u8>>) -> Result<(), Failure> {
        self.solid()?;
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        loop {
            let byte = self.take()?;
            if let Some(text) = text.as_deref_mut() {
                if text.len() >= MOST_BYTES {
                    return Err(too_long());
                }
                text.push(byte);
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if quoted || depth > 0 {
                continue;
            }
            // A string or a bracket has closed; anything else ends before what follows it.
            let ended = matches!(byte, b'"' | b'}' | b']');
            let follows = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}');
            if ended || self.peek()?.is_none_or(follows) {
                return Ok(());
            }
        }
    }
}

//! How a value was written. AWS passes data on as text: what a state only hands through keeps the spaces that it came
//! with, what it makes is compact.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::Value;

/// Entries after which those of values that are gone are looked for.
const FEW: usize = 64;

/// The texts of arrays and objects, as they were written. Clones of a value share its text.
#[derive(Clone, Debug, Default)]
pub struct Spelling {
    texts: HashMap<usize, Written>,
    /// Entries at which the next look for values that are gone is due.
    full: usize,
}

/// A value and its text.
#[derive(Clone, Debug)]
struct Written {
    /// As long as it is kept, nothing else has its address.
    value: Value,
    whole: Arc<str>,
    place: Range<usize>,
}

impl Spelling {
    /// Learns how `value`, which was read from `text`, is written, with all that is in it.
    pub fn learn(&mut self, text: &Arc<str>, value: &Value) {
        self.sweep();
        let mut scan = Scan { whole: text, at: 0, texts: &mut self.texts };
        // A text that this scan cannot follow is written compactly.
        let _ = scan.value(Some(value));
    }

    /// Whether every text is compact.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The value's text as it was written; of an array that was put together of such values, that of its parts. Nothing
    /// where it is compact.
    #[must_use]
    pub fn text(&self, value: &Value) -> Option<String> {
        if let Some(text) = self.known(value) {
            return Some(text.to_owned());
        }
        let Value::Array(items) = value else { return None };
        let texts: Vec<Option<String>> = items.iter().map(|item| self.text(item)).collect();
        if texts.iter().all(Option::is_none) {
            return None;
        }
        let parts = texts.into_iter().zip(items.iter()).map(|(text, item)| text.unwrap_or_else(|| item.to_string()));
        Some(format!("[{}]", parts.collect::<Vec<_>>().join(",")))
    }

    /// The value's text as it was written, or compact.
    #[must_use]
    pub fn write(&self, value: &Value) -> String {
        self.text(value).unwrap_or_else(|| value.to_string())
    }

    fn known(&self, value: &Value) -> Option<&str> {
        let written = self.texts.get(&address(value)?)?;
        written.whole.get(written.place.clone())
    }

    /// Forgets values that nobody else has, once they may be many.
    fn sweep(&mut self) {
        if self.texts.len() >= self.full.max(FEW) {
            self.texts.retain(|_, written| holders(&written.value) > 1);
            self.full = self.texts.len() * 2;
        }
    }
}

/// What identifies an array or an object.
fn address(value: &Value) -> Option<usize> {
    match value {
        Value::Array(items) => Some(Arc::as_ptr(items).addr()),
        Value::Object(members) => Some(Arc::as_ptr(members).addr()),
        _ => None,
    }
}

fn holders(value: &Value) -> usize {
    match value {
        Value::Array(items) => Arc::strong_count(items),
        Value::Object(members) => Arc::strong_count(members),
        _ => 0,
    }
}

struct Scan<'a> {
    whole: &'a Arc<str>,
    at: usize,
    texts: &'a mut HashMap<usize, Written>,
}

impl<'a> Scan<'a> {
    fn next(&mut self) -> Option<u8> {
        let rest = &self.whole.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.whole.as_bytes().get(self.at).copied()
    }

    fn value(&mut self, value: Option<&Value>) -> Option<()> {
        let first = self.next()?;
        let start = self.at;
        match first {
            b'{' => self.members(value)?,
            b'[' => self.items(value)?,
            b'"' => self.string().map(|_| ())?,
            _ => {
                let rest = &self.whole.as_bytes()[self.at..];
                self.at += rest.iter().take_while(|byte| !b",]} \t\r\n".contains(byte)).count();
            }
        }
        if let Some(value) = value
            && let Some(address) = address(value)
        {
            let (value, whole, place) = (value.clone(), Arc::clone(self.whole), start..self.at);
            self.texts.insert(address, Written { value, whole, place });
        }
        Some(())
    }

    fn items(&mut self, value: Option<&Value>) -> Option<()> {
        let items = value.and_then(Value::as_array).unwrap_or_default();
        self.at += 1;
        let mut index = 0;
        while self.next()? != b']' {
            self.value(items.get(index))?;
            index += 1;
            if self.next()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(())
    }

    fn members(&mut self, value: Option<&Value>) -> Option<()> {
        self.at += 1;
        while self.next()? != b'}' {
            let name: String = serde_json::from_str(self.string()?).ok()?;
            self.next().filter(|byte| *byte == b':')?;
            self.at += 1;
            self.value(value.and_then(|value| value.get(&name)))?;
            if self.next()? == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        Some(())
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        let mut escaped = false;
        let inside = self.whole.as_bytes().get(start + 1..)?;
        let length = inside.iter().position(|byte| {
            let end = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            end
        })?;
        self.at = start + length + 2;
        self.whole.get(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_through_keeps_its_spaces() {
        let text: Arc<str> = r#" { "a" : [1, "x\"]", { } ], "b\u0041": {"c":  [ ]}, "d": -1.5e3 , "e": null} "#.into();
        let value = Value::parse(&text).unwrap();
        let mut spelling = Spelling::default();
        spelling.learn(&text, &value);
        assert_eq!(spelling.write(&value), text.trim());
        assert_eq!(spelling.write(value.get("a").unwrap()), r#"[1, "x\"]", { } ]"#);
        assert_eq!(spelling.write(value.get("bA").unwrap().get("c").unwrap()), "[ ]");
        assert_eq!(spelling.write(value.get("d").unwrap()), value.get("d").unwrap().to_string());
        let part = || value.get("a").unwrap().clone();
        let joined = Value::array(vec![Value::Null, part()]);
        assert_eq!(spelling.write(&joined), r#"[null,[1, "x\"]", { } ]]"#);
        assert_eq!(spelling.write(&Value::object([("in", part())])), r#"{"in":[1,"x\"]",{}]}"#);
        assert_eq!(spelling.text(&Value::parse("[ 1 ]").unwrap()), None);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut spelling = Spelling::default();
        for number in 0..1000 {
            let text: Arc<str> = format!("[ {number} ]").into();
            let value = Value::parse(&text).unwrap();
            spelling.learn(&text, &value);
            assert_eq!(spelling.write(&value), *text);
        }
        assert!(spelling.texts.len() <= FEW, "{}", spelling.texts.len());
    }
}

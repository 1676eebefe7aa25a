//! How a caller has written a value. AWS passes data on as text: what a state only hands through keeps the spaces that
//! it came with, what it makes is compact.

use std::collections::HashMap;
use std::sync::Arc;

use asl::Value;

/// The texts of arrays and objects as callers wrote them.
#[derive(Debug, Default)]
pub(crate) struct Spelling<'a> {
    texts: HashMap<usize, &'a str>,
    /// What the addresses above are of: as long as it lives, nothing else has them.
    kept: Vec<Value>,
}

impl<'a> Spelling<'a> {
    /// Learns how `value`, which was read from `text`, is written, with all that is in it.
    pub(crate) fn learn(&mut self, text: &'a str, value: &Value) {
        self.kept.push(value.clone());
        let mut scan = Scan { text, at: 0, texts: &mut self.texts };
        // A text that this scan cannot follow is written compactly.
        let _ = scan.value(Some(value));
    }

    /// The value's text: the caller's, where it is the caller's value; else compact.
    pub(crate) fn write(&self, value: &Value) -> String {
        let known = address(value).and_then(|address| self.texts.get(&address));
        known.map_or_else(|| value.to_string(), |text| (*text).to_owned())
    }
}

/// What identifies an array or an object: clones share it.
fn address(value: &Value) -> Option<usize> {
    match value {
        Value::Array(items) => Some(Arc::as_ptr(items).addr()),
        Value::Object(members) => Some(Arc::as_ptr(members).addr()),
        _ => None,
    }
}

struct Scan<'a, 's> {
    text: &'a str,
    at: usize,
    texts: &'s mut HashMap<usize, &'a str>,
}

impl Scan<'_, '_> {
    fn next(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn value(&mut self, value: Option<&Value>) -> Option<()> {
        let first = self.next()?;
        let start = self.at;
        match first {
            b'{' => self.members(value)?,
            b'[' => self.items(value)?,
            b'"' => self.string().map(|_| ())?,
            _ => {
                let rest = &self.text.as_bytes()[self.at..];
                self.at += rest.iter().take_while(|byte| !b",]} \t\r\n".contains(byte)).count();
            }
        }
        if let Some(address) = value.and_then(address) {
            self.texts.insert(address, &self.text[start..self.at]);
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
    fn string(&mut self) -> Option<&str> {
        let start = self.at;
        let mut escaped = false;
        let inside = self.text.as_bytes().get(start + 1..)?;
        let length = inside.iter().position(|byte| {
            let end = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            end
        })?;
        self.at = start + length + 2;
        Some(&self.text[start..self.at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_through_keeps_its_spaces() {
        let text = r#" { "a" : [1, "x\"]", { } ], "b\u0041": {"c":  [ ]}, "d": -1.5e3 , "e": null} "#;
        let value = Value::parse(text).unwrap();
        let mut spelling = Spelling::default();
        spelling.learn(text, &value);
        assert_eq!(spelling.write(&value), text.trim());
        assert_eq!(spelling.write(value.get("a").unwrap()), r#"[1, "x\"]", { } ]"#);
        assert_eq!(spelling.write(value.get("bA").unwrap().get("c").unwrap()), "[ ]");
        assert_eq!(spelling.write(value.get("d").unwrap()), value.get("d").unwrap().to_string());
        let made = Value::array(vec![value.get("a").unwrap().clone()]);
        assert_eq!(spelling.write(&made), r#"[[1,"x\"]",{}]]"#);
    }
}

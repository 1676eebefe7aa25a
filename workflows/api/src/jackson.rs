//! Says what is wrong with a JSON text in the words of AWS's parser (Jackson, `ReaderBasedJsonParser`), which callers
//! see in `InvalidExecutionInput` and `InvalidOutput`.

use asl::Value;

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// Reads `text` as one JSON value.
///
/// # Errors
/// The complaint, where `text` is not one.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    match Value::parse(text) {
        Ok(value) => Ok(value),
        Err(error) => Err(complaint(text).unwrap_or_else(|| error.to_string())),
    }
}

/// The first complaint about `text`; `None` where this scan finds nothing to complain of.
fn complaint(text: &str) -> Option<String> {
    let mut scan = Scan { rest: text };
    match scan.value(0) {
        Err(message) => Some(message),
        Ok(()) => {
            scan.blank();
            scan.rest.chars().next().map(|next| unexpected(next, "expected the end of the text after the value"))
        }
    }
}

/// Nesting past which the scan gives up: the parser's own limit.
const DEPTH: usize = 128;

struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn next(&mut self, close: &str) -> Result<char, String> {
        self.blank();
        self.rest.chars().next().ok_or_else(|| format!("Unexpected end-of-input{close}"))
    }

    fn skip(&mut self, character: char) {
        self.rest = &self.rest[character.len_utf8()..];
    }

    fn value(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err(format!("Document nesting depth exceeds the maximum allowed ({DEPTH})"));
        }
        match self.next("")? {
            '{' => self.object(depth),
            '[' => self.array(depth),
            '"' => self.string(),
            '-' | '0'..='9' => self.number(),
            first if first.is_alphabetic() || first == '_' || first == '$' => self.word(),
            first => Err(unexpected(first, &format!("expected a valid value {VALUES}"))),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), String> {
        const CLOSE: &str = ": expected close marker for Object";
        self.skip('{');
        if self.next(CLOSE)? == '}' {
            self.skip('}');
            return Ok(());
        }
        loop {
            match self.next(CLOSE)? {
                '"' => self.string()?,
                other => return Err(unexpected(other, "was expecting double-quote to start field name")),
            }
            match self.next(CLOSE)? {
                ':' => self.skip(':'),
                other => {
                    return Err(unexpected(other, "was expecting a colon to separate field name and value"));
                }
            }
            self.value(depth + 1)?;
            match self.next(CLOSE)? {
                ',' => self.skip(','),
                '}' => {
                    self.skip('}');
                    return Ok(());
                }
                other => return Err(unexpected(other, "was expecting comma to separate Object entries")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), String> {
        const CLOSE: &str = ": expected close marker for Array";
        self.skip('[');
        if self.next(CLOSE)? == ']' {
            self.skip(']');
            return Ok(());
        }
        loop {
            self.next(CLOSE)?;
            self.value(depth + 1)?;
            match self.next(CLOSE)? {
                ',' => self.skip(','),
                ']' => {
                    self.skip(']');
                    return Ok(());
                }
                other => return Err(unexpected(other, "was expecting comma to separate Array entries")),
            }
        }
    }

    fn string(&mut self) -> Result<(), String> {
        self.skip('"');
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(());
                }
                '\\' => match characters.next() {
                    Some((_, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')) => {}
                    Some((_, escaped)) => {
                        return Err(format!("Unrecognized character escape '{escaped}' (code {})", escaped as u32));
                    }
                    None => break,
                },
                control if control < ' ' => {
                    return Err(format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {})): has to be escaped using backslash to be \
                         included in string value",
                        control as u32
                    ));
                }
                _ => {}
            }
        }
        Err("Unexpected end-of-input: was expecting closing quote for a string value".to_owned())
    }

    fn number(&mut self) -> Result<(), String> {
        let end = self.rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let (number, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match serde_json::from_str::<serde_json::Number>(number) {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("Invalid numeric value: '{number}'")),
        }
    }

    fn word(&mut self) -> Result<(), String> {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match word {
            "null" | "true" | "false" => Ok(()),
            _ => Err(format!("Unrecognized token '{word}': was expecting {VALUES}")),
        }
    }
}

fn unexpected(character: char, wanted: &str) -> String {
    format!("Unexpected character ('{character}' (code {})): {wanted}", character as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_read_as_recorded() {
        assert_eq!(
            parse("not some json").unwrap_err(),
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or \
             'false')"
        );
        assert_eq!(
            parse("{'not': 'json'").unwrap_err(),
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name"
        );
    }

    #[test]
    fn every_kind_of_defect_has_its_complaint() {
        for (text, wanted) in [
            ("", "Unexpected end-of-input"),
            ("{", "Unexpected end-of-input: expected close marker for Object"),
            (r#"{"a" 1}"#, "Unexpected character ('1' (code 49)): was expecting a colon"),
            (r#"{"a":1 "b"}"#, "was expecting comma to separate Object entries"),
            ("[1 2]", "was expecting comma to separate Array entries"),
            ("[1,", "Unexpected end-of-input: expected close marker for Array"),
            (r#""abc"#, "was expecting closing quote for a string value"),
            (r#""\x""#, "Unrecognized character escape 'x' (code 120)"),
            ("\"a\nb\"", "Illegal unquoted character ((CTRL-CHAR, code 10))"),
            ("01", "Invalid numeric value: '01'"),
            ("&", "Unexpected character ('&' (code 38)): expected a valid value"),
            ("1 2", "expected the end of the text after the value"),
        ] {
            let complaint = parse(text).unwrap_err();
            assert!(complaint.contains(wanted), "{text}: {complaint}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_overflow() {
        assert!(parse(&"[".repeat(100_000)).unwrap_err().contains("nesting depth"));
    }

    #[test]
    fn good_text_is_read() {
        assert_eq!(parse(" [1, null] ").unwrap().to_string(), "[1,null]");
    }
}

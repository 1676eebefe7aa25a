//! Points at a place in a definition's text: a diagnostic's location becomes line, column and an excerpt.

use crate::screen::{Screen, Tone};

/// A part of a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A JSON value with the places of its parts.
#[derive(Debug)]
struct Node {
    span: Span,
    parts: Parts,
}

#[derive(Debug)]
enum Parts {
    None,
    /// Key, the key's place, value.
    Members(Vec<(String, Span, Node)>),
    Items(Vec<Node>),
}

/// Where `location` (`/States/A/Choices[0]/Next`) is in `text`: the last key that is there, or the whole of what it
/// leads to. `None` where `text` is not JSON.
pub(crate) fn locate(text: &str, location: &str) -> Option<Span> {
    let mut reader = Reader { text, at: 0 };
    let root = reader.value(0)?;
    let first = Span { start: root.span.start, end: root.span.start + 1 };
    let mut node = &root;
    let mut place = first;
    let mut rest = location.trim_start_matches('/');
    while !rest.is_empty() {
        let Some((next, span, after)) = step(node, rest) else { break };
        (node, place, rest) = (next, span, after.trim_start_matches('/'));
    }
    Some(place)
}

/// Follows one step of a location: an index, or the longest key that `rest` begins with (names may hold slashes).
fn step<'a, 'b>(node: &'a Node, rest: &'b str) -> Option<(&'a Node, Span, &'b str)> {
    match &node.parts {
        Parts::Items(items) => {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            let item = items.get(index.parse::<usize>().ok()?)?;
            Some((item, head(item), after))
        }
        Parts::Members(members) => {
            let follows = |key: &str| {
                let after = rest.strip_prefix(key)?;
                (after.is_empty() || after.starts_with(['/', '['])).then_some(after)
            };
            members
                .iter()
                .filter_map(|(key, span, value)| follows(key).map(|after| (key.len(), (value, *span, after))))
                .max_by_key(|(length, _)| *length)
                .map(|(_, found)| found)
        }
        Parts::None => None,
    }
}

/// What to point at for an item: its opening brace, or all of a scalar.
fn head(node: &Node) -> Span {
    match node.parts {
        Parts::None => node.span,
        _ => Span { start: node.span.start, end: node.span.start + 1 },
    }
}

/// Line and column, both from 1; the column counts characters.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

/// The byte at line and column, as a JSON parser's error gives them.
pub(crate) fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    // An end that came too early is shown behind the last character, not on an empty line after it.
    text.floor_char_boundary((start + column.saturating_sub(1)).min(text.trim_end().len()))
}

/// The lines around `span` with a pointer under it, headed by file, line and column.
pub(crate) fn render(screen: &Screen, file: &str, text: &str, span: Span) -> String {
    let (line, column) = position(text, span.start);
    let shown: Vec<(usize, &str)> =
        text.lines().enumerate().map(|(index, text)| (index + 1, text)).skip(line.saturating_sub(2)).take(3).collect();
    let gutter = shown.last().map_or(1, |(number, _)| number.to_string().len());
    let mut excerpt = format!("{:gutter$}--> {file}:{line}:{column}\n{:gutter$} |", "", "");
    for (number, content) in shown {
        let content = content.replace('\t', " ");
        excerpt.push_str(&format!("\n{number:gutter$} | {content}"));
        if number == line {
            let length =
                text.get(span.start..span.end).map_or(1, |part| part.lines().next().unwrap_or("").chars().count());
            let pointer = screen.paint(Tone::Bad, &"^".repeat(length.max(1)));
            excerpt.push_str(&format!("\n{:gutter$} | {:pad$}{pointer}", "", "", pad = column - 1));
        }
    }
    excerpt
}

/// Nesting past which places are not looked for.
const DEPTH: usize = 128;

/// Reads JSON for the places of its parts. It trusts the text: whoever wants to know what is wrong parses it.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Takes `byte` where it is next.
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH {
            return None;
        }
        let opening = self.peek()?;
        let start = self.at;
        let parts = match opening {
            b'{' => self.members(depth)?,
            b'[' => self.items(depth)?,
            b'"' => self.string().map(|_| Parts::None)?,
            _ => {
                let scalar = |byte: &u8| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                self.at += self.text.as_bytes()[start..].iter().take_while(|byte| scalar(byte)).count();
                (self.at > start).then_some(Parts::None)?
            }
        };
        Some(Node { span: Span { start, end: self.at }, parts })
    }

    fn members(&mut self, depth: usize) -> Option<Parts> {
        let mut members = Vec::new();
        self.take(b'{')?;
        while self.peek()? != b'}' {
            let start = self.at;
            let key = self.string()?;
            let span = Span { start, end: self.at };
            self.take(b':')?;
            members.push((key, span, self.value(depth + 1)?));
            if self.take(b',').is_none() {
                break;
            }
        }
        self.take(b'}')?;
        Some(Parts::Members(members))
    }

    fn items(&mut self, depth: usize) -> Option<Parts> {
        let mut items = Vec::new();
        self.take(b'[')?;
        while self.peek()? != b']' {
            items.push(self.value(depth + 1)?);
            if self.take(b',').is_none() {
                break;
            }
        }
        self.take(b']')?;
        Some(Parts::Items(items))
    }

    fn string(&mut self) -> Option<String> {
        self.peek().filter(|byte| *byte == b'"')?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        while *bytes.get(self.at)? != b'"' {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Format;

    const TEXT: &str = r#"{
  "StartAt": "A",
  "States": {
    "A": {"Type": "Choice", "Choices": [{"Next": "B"}, {"Next": "Gone"}]},
    "a/b": {"Type": "Pass", "Next": "x"},
    "a": {"b": 1}
  }
}"#;

    fn found(location: &str) -> &'static str {
        let span = locate(TEXT, location).unwrap();
        &TEXT[span.start..span.end]
    }

    #[test]
    fn locations_lead_to_their_key() {
        assert_eq!(found("/"), "{");
        assert_eq!(found("/StartAt"), "\"StartAt\"");
        assert_eq!(position(TEXT, locate(TEXT, "/States/A/Choices[1]/Next").unwrap().start), (4, 57));
        assert_eq!(found("/States/A/Choices[1]"), "{");
        assert_eq!(found("/States/a/b/Next"), "\"Next\"", "the longest name");
        assert_eq!(found("/States/A/Gone/More"), "\"A\"", "as far as it leads");
    }

    #[test]
    fn broken_text_has_no_places() {
        for text in ["", "{", "[1", "{\"a\"}", "\"\\", "nonsense,", &"[".repeat(500)] {
            let _ = locate(text, "/a/b[0]");
        }
        assert_eq!(locate("{\"a\": ", "/a"), None);
    }

    #[test]
    fn an_excerpt_points_at_the_place() {
        let screen = Screen { format: Format::Text, colour: false, width: 80 };
        let span = locate(TEXT, "/States/a/b/Next").unwrap();
        insta::assert_snapshot!(render(&screen, "definition.asl.json", TEXT, span), @r#"
         --> definition.asl.json:5:29
          |
        4 |     "A": {"Type": "Choice", "Choices": [{"Next": "B"}, {"Next": "Gone"}]},
        5 |     "a/b": {"Type": "Pass", "Next": "x"},
          |                             ^^^^^^
        6 |     "a": {"b": 1}
        "#);
    }

    #[test]
    fn a_parsers_position_is_a_byte() {
        let error = serde_json::from_str::<serde_json::Value>("{\n \"a\": x\n}").unwrap_err();
        assert_eq!(offset("{\n \"a\": x\n}", error.line(), error.column()), 8);
        assert_eq!(offset("", 9, 9), 0);
    }
}

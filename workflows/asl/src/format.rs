//! Canonical formatting: what changes is white space alone, never a key, an order, a number's or a string's spelling.

use crate::Value;

/// The widest line an object or array may be written on, in characters.
const WIDTH: usize = 110;

/// One level of indentation.
const INDENT: &str = "  ";

/// Formats a definition, or any other JSON.
///
/// An object or array without objects in it goes on one line when that line is at most 110 characters wide; a state
/// and a map of states never do. Keys keep their order. Formatting what is formatted changes nothing.
///
/// # Errors
/// The text is not one JSON document, or nests deeper than 128 levels.
pub fn format(text: &str) -> Result<String, serde_json::Error> {
    Value::parse(text)?;
    let (node, _) = read(text.trim_start());
    let mut printer = Printer::default();
    printer.node(&node, 0, 0, Role::Plain);
    printer.text.push('\n');
    Ok(printer.text)
}

/// A document as slices of its text, so that no lexical detail is lost.
enum Node<'a> {
    /// A string, number or word.
    Scalar(&'a str),
    Array(Vec<Node<'a>>),
    /// Keys with their quotes.
    Object(Vec<(&'a str, Node<'a>)>),
}

impl Node<'_> {
    fn is_leaf(&self) -> bool {
        match self {
            Self::Scalar(_) => true,
            Self::Array(items) => items.iter().all(Node::is_flat),
            Self::Object(members) => members.iter().all(|(_, member)| member.is_flat()),
        }
    }

    /// Whether there is no object inside.
    fn is_flat(&self) -> bool {
        match self {
            Self::Scalar(_) => true,
            Self::Array(items) => items.iter().all(Node::is_flat),
            Self::Object(members) => members.is_empty(),
        }
    }

    /// Whether this has `StartAt` and `States`.
    fn is_machine(&self) -> bool {
        let Self::Object(members) = self else { return false };
        ["\"StartAt\"", "\"States\""].iter().all(|wanted| members.iter().any(|(key, _)| key == wanted))
    }

    /// Characters on one line.
    fn width(&self) -> usize {
        self.on_one_line().chars().count()
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(_) => false,
            Self::Array(items) => items.is_empty(),
            Self::Object(members) => members.is_empty(),
        }
    }

    fn on_one_line(&self) -> String {
        match self {
            Self::Scalar(text) => (*text).to_owned(),
            Self::Array(items) => {
                format!("[{}]", items.iter().map(Node::on_one_line).collect::<Vec<_>>().join(", "))
            }
            Self::Object(members) => {
                let members = members.iter().map(|(key, member)| format!("{key}: {}", member.on_one_line()));
                format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Reads the value that `text` begins with, and gives what follows it. The text is known to be JSON.
fn read(text: &str) -> (Node<'_>, &str) {
    match text.as_bytes().first() {
        Some(b'{') => read_object(&text[1..]),
        Some(b'[') => read_array(&text[1..]),
        Some(b'"') => {
            let (string, rest) = read_string(text);
            (Node::Scalar(string), rest)
        }
        _ => {
            let end = text.find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(text.len());
            (Node::Scalar(&text[..end]), &text[end..])
        }
    }
}

fn read_string(text: &str) -> (&str, &str) {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return text.split_at(index + 1),
            _ => {}
        }
    }
    (text, "")
}

/// White space and the commas and colons between values.
fn skip(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r', ',', ':'])
}

fn read_array(mut text: &str) -> (Node<'_>, &str) {
    let mut items = Vec::new();
    loop {
        text = skip(text);
        if text.is_empty() || text.starts_with(']') {
            return (Node::Array(items), text.get(1..).unwrap_or_default());
        }
        let (item, rest) = read(text);
        items.push(item);
        text = rest;
    }
}

fn read_object(mut text: &str) -> (Node<'_>, &str) {
    let mut members = Vec::new();
    loop {
        text = skip(text);
        if text.is_empty() || text.starts_with('}') {
            return (Node::Object(members), text.get(1..).unwrap_or_default());
        }
        let (key, rest) = read_string(text);
        let (member, rest) = read(skip(rest));
        members.push((key, member));
        text = rest;
    }
}

/// What a node is to the node around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Plain,
    /// The value of `States` of a machine.
    States,
    /// A value in it.
    State,
}

#[derive(Default)]
struct Printer {
    text: String,
}

impl Printer {
    /// Writes a node. `before` is what stands on its line already, in characters, its comma included.
    fn node(&mut self, node: &Node<'_>, depth: usize, before: usize, role: Role) {
        let short = node.is_empty() || (role == Role::Plain && node.is_leaf() && !node.is_machine());
        if short && before + node.width() <= WIDTH {
            self.text.push_str(&node.on_one_line());
            return;
        }
        match node {
            Node::Scalar(text) => self.text.push_str(text),
            Node::Array(items) => {
                self.block('[', ']', depth, items, |printer, item, before| {
                    printer.node(item, depth + 1, before, Role::Plain);
                });
            }
            Node::Object(members) => self.object(node, members, depth, role),
        }
    }

    fn object(&mut self, node: &Node<'_>, members: &[(&str, Node<'_>)], depth: usize, role: Role) {
        let machine = node.is_machine();
        self.block('{', '}', depth, members, |printer, (key, member), before| {
            printer.text.push_str(key);
            printer.text.push_str(": ");
            let role = match role {
                Role::States => Role::State,
                _ if machine && *key == "\"States\"" => Role::States,
                _ => Role::Plain,
            };
            printer.node(member, depth + 1, before + key.chars().count() + 2, role);
        });
    }

    fn block<T>(
        &mut self,
        open: char,
        close: char,
        depth: usize,
        items: &[T],
        mut item: impl FnMut(&mut Self, &T, usize),
    ) {
        self.text.push(open);
        for (index, each) in items.iter().enumerate() {
            let comma = index + 1 < items.len();
            self.text.push('\n');
            self.text.push_str(&INDENT.repeat(depth + 1));
            item(self, each, INDENT.len() * (depth + 1) + usize::from(comma));
            if comma {
                self.text.push(',');
            }
        }
        self.text.push('\n');
        self.text.push_str(&INDENT.repeat(depth));
        self.text.push(close);
    }
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn leaves_are_short_and_states_are_not() {
        let text = r#"{"StartAt":"A","States":{"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":
            {"Type":"Succeed"}}}],"Retry":[{"ErrorEquals":["X","Y"],"MaxAttempts":2}],"Parameters":{"a":{"b":[1,2]},
            "c":{}, "d":[]},"Next":"C"},"C":{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":"D"},
            {"Variable":"$.something.that.is.long","StringEquals":"a text that does not fit on the line with it",
            "Next":"D"}]},"D":{"Type":"Fail"}}}"#;
        insta::assert_snapshot!(format(text).unwrap());
    }

    #[test]
    fn spelling_is_kept_to_the_letter() {
        let text = r#"{"a": 1.0, "a": 1e5, "\u0041": "\u00e4\"", "n": 123456789012345678901234567890}"#;
        assert_eq!(format(text).unwrap(), format!("{text}\n"));
    }

    #[test]
    fn a_line_of_110_characters_is_the_longest() {
        let fits = format!(r#"{{"a": "{}"}}"#, "é".repeat(110 - 9));
        assert_eq!(format(&fits).unwrap().lines().count(), 1);
        let too_long = format!(r#"{{"a": "{}"}}"#, "é".repeat(110 - 8));
        assert_eq!(format(&too_long).unwrap().lines().count(), 3);
    }

    #[test]
    fn the_comma_counts() {
        let object = |text: &str| format!(r#"[{{"a": "{text}"}}, {{}}]"#);
        assert_eq!(format(&object(&"x".repeat(110 - 3 - 9))).unwrap().lines().count(), 4);
        assert_eq!(format(&object(&"x".repeat(110 - 3 - 8))).unwrap().lines().count(), 6);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "{\"a\" 1}", "[1,]", "[1] 2"] {
            assert!(format(text).is_err(), "{text}");
        }
    }
}

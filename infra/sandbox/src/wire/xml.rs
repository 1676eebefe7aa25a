//! awsQuery answers: XML.

use super::node::{Node, rfc3339};

/// The answer of an operation.
pub(crate) fn answer(namespace: &str, operation: &str, node: &Node, request_id: &str) -> String {
    let mut text = format!("<{operation}Response xmlns=\"{namespace}\"><{operation}Result>");
    write(&mut text, node);
    text.push_str(&format!(
        "</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    ));
    text
}

/// The answer of an operation of EC2, whose XML has no result element.
pub(crate) fn ec2_answer(namespace: &str, operation: &str, node: &Node, request_id: &str) -> String {
    let mut text = format!("<{operation}Response xmlns=\"{namespace}\"><requestId>{request_id}</requestId>");
    write(&mut text, node);
    text.push_str(&format!("</{operation}Response>"));
    text
}

/// An error of EC2.
pub(crate) fn ec2_error(code: &str, message: &str, request_id: &str) -> String {
    let (code, message) = (escaped(code), escaped(message));
    format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>{request_id}</RequestID></Response>"
    )
}

/// An error.
pub(crate) fn error(namespace: &str, sender: bool, code: &str, message: &str, request_id: &str) -> String {
    let kind = if sender { "Sender" } else { "Receiver" };
    let (code, message) = (escaped(code), escaped(message));
    format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    )
}

fn write(text: &mut String, node: &Node) {
    match node {
        Node::Absent | Node::Json(_) => {}
        Node::Bool(value) => text.push_str(&value.to_string()),
        Node::Int(value) => text.push_str(&value.to_string()),
        Node::Double(value) => text.push_str(&value.to_string()),
        Node::Text(value) => text.push_str(&escaped(value)),
        Node::Time(at_ms) => text.push_str(&rfc3339(*at_ms)),
        Node::Times(times) => times.iter().for_each(|at_ms| member(text, "member", &Node::Time(*at_ms))),
        Node::Doubles(values) => values.iter().for_each(|value| member(text, "member", &Node::Double(*value))),
        Node::List(name, elements) => elements.iter().for_each(|element| member(text, name, element)),
        Node::Map(members) => {
            let present = members.iter().filter(|(_, node)| *node != Node::Absent);
            present.for_each(|(name, node)| member(text, name, node));
        }
    }
}

fn member(text: &mut String, name: &str, node: &Node) {
    text.push_str(&format!("<{name}>"));
    write(text, node);
    text.push_str(&format!("</{name}>"));
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(character))),
            // XML 1.0 has no form for the other control characters.
            control if control.is_control() => out.push('\u{FFFD}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_repeat_their_element_and_absent_members_are_left_out() {
        let node = Node::map([
            ("Names", Node::named("Name", [Node::from("a<b"), Node::from("c&d")])),
            ("Gone", Node::Absent),
            ("At", Node::Time(1_500)),
        ]);
        assert_eq!(
            answer("urn:x", "Do", &node, "id"),
            "<DoResponse xmlns=\"urn:x\"><DoResult><Names><Name>a&lt;b</Name><Name>c&amp;d</Name></Names>\
             <At>1970-01-01T00:00:01.5Z</At></DoResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>\
             </DoResponse>"
        );
    }
}

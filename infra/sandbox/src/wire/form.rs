//! awsQuery requests: a flat form becomes nested parameters.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Reads a form body; the error says what is not valid.
pub(crate) fn read(body: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = body.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err("the form has a % that two hexadecimal digits do not follow".to_owned());
                };
                bytes.push((high * 16 + low) as u8);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| "the form is not UTF-8".to_owned())
}

/// Parameters in the shape they have in JSON: `A.member.1.B=x` is `{"A": [{"B": "x"}]}`.
///
/// A name whose only children are numbered is a list, whatever the name between them is (`member`, `Filter`, …).
pub(crate) fn nest(pairs: Vec<(String, String)>) -> Value {
    let mut root = Branch::default();
    for (name, value) in pairs {
        if name == "Action" || name == "Version" {
            continue;
        }
        let mut branch = &mut root;
        for part in name.split('.') {
            branch = branch.children.entry(part.to_owned()).or_default();
        }
        branch.value = Some(value);
    }
    // The request itself is a structure, even when a numbered list is all it has.
    let members = root.children.into_iter().map(|(name, branch)| (name, branch.into_value()));
    Value::Object(members.collect())
}

#[derive(Debug, Default)]
struct Branch {
    value: Option<String>,
    children: BTreeMap<String, Self>,
}

impl Branch {
    fn is_numbered(&self) -> bool {
        !self.children.is_empty() && self.children.keys().all(|name| name.parse::<u32>().is_ok())
    }

    fn into_value(mut self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.value.unwrap_or_default());
        }
        if self.is_numbered() {
            return self.into_list();
        }
        if self.children.len() == 1
            && self.children.values().all(Self::is_numbered)
            && let Some((_, list)) = self.children.pop_first()
        {
            return list.into_list();
        }
        let members = self.children.into_iter().map(|(name, branch)| (name, branch.into_value()));
        Value::Object(members.collect::<Map<_, _>>())
    }

    fn into_list(self) -> Value {
        let mut elements: Vec<(u32, Self)> =
            self.children.into_iter().filter_map(|(name, branch)| Some((name.parse().ok()?, branch))).collect();
        elements.sort_by_key(|(index, _)| *index);
        Value::Array(elements.into_iter().map(|(_, branch)| branch.into_value()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_and_structures_are_nested() {
        let body = "Action=X&Version=1&Name=a%20b+c&Filters.Filter.1.Name=engine&Filters.Filter.1.Values.Value.1=postgres\
                    &Data.member.2=y&Data.member.1=x&Data.member.10=z&Deep.Metric.Name=m";
        assert_eq!(
            nest(read(body).unwrap()),
            json!({
                "Name": "a b c",
                "Filters": [{"Name": "engine", "Values": ["postgres"]}],
                "Data": ["x", "y", "z"],
                "Deep": {"Metric": {"Name": "m"}}
            })
        );
    }

    #[test]
    fn a_lone_list_without_a_name_between_stays_a_member() {
        assert_eq!(nest(read("Action=X&SubnetId.1=a&SubnetId.2=b").unwrap()), json!({"SubnetId": ["a", "b"]}));
        assert_eq!(nest(read("Action=X").unwrap()), json!({}));
    }

    #[test]
    fn a_broken_escape_is_refused() {
        assert!(read("a=%2").is_err());
        assert!(read("a=%FF").is_err());
    }
}

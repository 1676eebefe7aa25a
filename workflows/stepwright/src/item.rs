//! DynamoDB items, read field by field.

use serde_json::{Map, Value as Json};

/// An item as DynamoDB's JSON has it: `{"name": {"S": "text"}, "n": {"N": "1"}}`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a>(pub(crate) &'a Map<String, Json>);

impl<'a> Item<'a> {
    /// A string.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.get("S")?.as_str()
    }

    /// A whole number; a fraction is cut off.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        let text = self.0.get(name)?.get("N")?.as_str()?;
        text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|number| number as i64))
    }

    /// A map.
    pub(crate) fn map(&self, name: &str) -> Option<Item<'a>> {
        self.0.get(name)?.get("M")?.as_object().map(Item)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_read_by_their_type() {
        let item = json!({"s": {"S": "x"}, "n": {"N": "12.0"}, "m": {"M": {"a": {"S": "y"}}}, "b": {"BOOL": true}});
        let item = Item(item.as_object().unwrap());
        assert_eq!((item.text("s"), item.number("n"), item.text("n")), (Some("x"), Some(12), None));
        assert_eq!(item.map("m").and_then(|m| m.text("a")), Some("y"));
        assert_eq!(item.text("b"), None);
    }
}

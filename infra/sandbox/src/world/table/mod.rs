//! DynamoDB: tables of items, and the language of their conditions and updates.

mod condition;
mod expression;
mod number;
mod path;
mod reserved;
mod token;
mod update;
mod value;

use std::cmp::Ordering;
use std::collections::BTreeMap;

pub(crate) use condition::{Comparator, Condition, Operand, order};
pub(crate) use expression::{Parser, Path, Placeholders, Segment};
pub(crate) use path::project;
pub(crate) use update::Update;
pub(crate) use value::{AttributeValue, Item, item, item_bytes, plain_item, wire};

/// The largest item, bytes.
pub(crate) const MAXIMUM_ITEM_BYTES: usize = 400 * 1024;

/// A part of a primary key: attribute name and type (`S`, `N` or `B`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyAttribute {
    /// Attribute name.
    pub(crate) name: String,
    /// Type name.
    pub(crate) kind: String,
}

/// A key's values in an order that a map can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(Vec<AttributeValue>);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        let different = pairs.map(|(left, right)| order(left, right)).find(|each| *each != Some(Ordering::Equal));
        different.flatten().unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Name.
    pub(crate) name: String,
    /// Partition key.
    pub(crate) hash: KeyAttribute,
    /// Sort key.
    pub(crate) range: Option<KeyAttribute>,
    /// When it was created.
    pub(crate) created_ms: i64,
    /// Table id, a UUID.
    pub(crate) id: String,
    /// Items in key order.
    pub(crate) items: BTreeMap<Key, Item>,
}

impl Table {
    /// The key attributes, partition key first.
    pub(crate) fn key_attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.hash).chain(&self.range)
    }

    /// The key of an item, or of a request's Key when `alone`; the error is DynamoDB's message.
    pub(crate) fn key(&self, item: &Item, alone: bool) -> Result<Key, String> {
        if alone && item.len() != self.key_attributes().count() {
            return Err("The provided key element does not match the schema".to_owned());
        }
        self.key_attributes().map(|attribute| key_value(attribute, item, alone)).collect::<Result<_, _>>().map(Key)
    }

    /// Only the key attributes of an item.
    pub(crate) fn key_of(&self, item: &Item) -> Item {
        let names = self.key_attributes().map(|attribute| &attribute.name);
        names.filter_map(|name| item.get(name).map(|value| (name.clone(), value.clone()))).collect()
    }

    /// Whether the attribute is part of the key.
    pub(crate) fn is_key(&self, name: &str) -> bool {
        self.key_attributes().any(|attribute| attribute.name == name)
    }
}

fn key_value(attribute: &KeyAttribute, item: &Item, alone: bool) -> Result<AttributeValue, String> {
    let name = &attribute.name;
    let Some(value) = item.get(name) else {
        return Err(if alone {
            "The provided key element does not match the schema".to_owned()
        } else {
            format!("One or more parameter values were invalid: Missing the key {name} in the item")
        });
    };
    if value.type_name() != attribute.kind {
        return Err(if alone {
            "The provided key element does not match the schema".to_owned()
        } else {
            format!(
                "One or more parameter values were invalid: Type mismatch for key {name} expected: {} actual: {}",
                attribute.kind,
                value.type_name()
            )
        });
    }
    let empty = match value {
        AttributeValue::S(text) => text.is_empty(),
        AttributeValue::B(bytes) => bytes.is_empty(),
        _ => false,
    };
    if empty {
        return Err(format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: {name}"
        ));
    }
    Ok(value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn placeholders(names: &[(&str, &str)], values: serde_json::Value) -> Placeholders {
        let names = names.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let values = values.as_object().unwrap().iter();
        let values = values.map(|(name, value)| (name.clone(), AttributeValue::from_plain(value))).collect();
        Placeholders::new(names, values)
    }

    fn sample() -> Item {
        plain_item(
            json!({"pk": "a", "n": 5, "status": "OPEN", "list": [1, 2, 3], "doc": {"x": {"y": "deep"}}, "flag": true})
                .as_object()
                .unwrap(),
        )
    }

    fn holds(text: &str, names: &[(&str, &str)], values: serde_json::Value) -> Result<bool, String> {
        let placeholders = placeholders(names, values);
        let condition = Parser::new("ConditionExpression", text, &placeholders)?.condition()?;
        placeholders.check_used()?;
        Ok(condition.holds(&sample()))
    }

    #[test]
    fn conditions_hold_as_dynamodb_says() {
        let values = json!({":one": 1, ":five": 5, ":nine": 9, ":open": "OPEN", ":o": "O", ":s": "S", ":deep": "deep"});
        for (text, expected) in [
            ("n = :five", true),
            ("n <> :five", false),
            ("gone <> :five", true),
            ("gone = :five", false),
            ("n BETWEEN :one AND :nine", true),
            ("n IN (:one, :five)", true),
            ("attribute_exists(doc.x.y) AND doc.x.y = :deep", true),
            ("attribute_not_exists(doc.z)", true),
            ("begins_with(#status, :o)", true),
            ("attribute_type(#status, :s)", true),
            ("contains(#list, :one)", true),
            ("#list[0] = :one", true),
            ("size(#list) < :five", true),
            ("size(#status) >= :five", false),
            ("NOT n = :one AND NOT (n = :five OR n = :nine)", false),
            ("n = :one OR n = :five AND #status = :open", true),
            ("n < :open", false),
        ] {
            let used = values.as_object().unwrap().iter().filter(|(name, _)| {
                text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').any(|word| word == name.as_str())
            });
            let used = used.map(|(name, value)| (name.clone(), value.clone())).collect();
            let names: Vec<_> = [("#status", "status"), ("#list", "list")]
                .into_iter()
                .filter(|(name, _)| text.contains(name))
                .collect();
            assert_eq!(holds(text, &names, serde_json::Value::Object(used)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn conditions_that_dynamodb_refuses_are_refused_by_name() {
        for (text, values, expected) in [
            ("status = :v", json!({":v": 1}), "reserved keyword: status"),
            ("n = :v", json!({}), "attribute value: :v"),
            ("#n = :v", json!({":v": 1}), "attribute name: #n"),
            ("n = :v", json!({":v": 1, ":w": 2}), "unused in expressions: keys: {:w}"),
            ("n = ", json!({}), "token: \"<EOF>\""),
            ("n = :v n", json!({":v": 1}), "token: \"n\""),
            ("exists(n)", json!({}), "Invalid function name; function: exists"),
            ("n < :v", json!({":v": true}), "operand type: BOOL"),
            ("begins_with(n, :v)", json!({":v": 1}), "operand type: N"),
            ("  ", json!({}), "can not be empty"),
            ("attribute_type(n, :v)", json!({":v": "X"}), "Invalid attribute type name found"),
        ] {
            let error = holds(text, &[], values).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    fn update(text: &str, names: &[(&str, &str)], values: serde_json::Value) -> Result<serde_json::Value, String> {
        let placeholders = placeholders(names, values);
        let update = Update::parse(Parser::new("UpdateExpression", text, &placeholders)?)?;
        placeholders.check_used()?;
        update.apply(&sample()).map(|item| wire(&item))
    }

    #[test]
    fn updates_see_the_item_as_it_was() {
        let after = update(
            "SET n = n + :one, m = n, #list[1] = :one, #list[9] = :one, k = if_not_exists(k, :one), l = list_append(#list, #list) \
             REMOVE doc.x.y, flag ADD c :one, tags :tags",
            &[("#list", "list")],
            json!({":one": 1, ":tags": 0}),
        );
        assert_eq!(after.as_ref().err(), None);
        let after = after.unwrap();
        assert_eq!(after["n"], json!({"N": "6"}));
        assert_eq!(after["m"], json!({"N": "5"}), "right-hand sides see the old item");
        assert_eq!(after["list"], json!({"L": [{"N": "1"}, {"N": "1"}, {"N": "3"}, {"N": "1"}]}));
        assert_eq!(after["l"]["L"].as_array().map(Vec::len), Some(6));
        assert_eq!((&after["k"], &after["c"]), (&json!({"N": "1"}), &json!({"N": "1"})));
        assert_eq!(after["doc"], json!({"M": {"x": {"M": {}}}}));
        assert!(after.get("flag").is_none());
    }

    #[test]
    fn updates_that_dynamodb_refuses_are_refused() {
        for (text, expected) in [
            ("SET n = k + :v", "does not exist in the item"),
            ("SET doc.q.r = :v", "document path provided in the update expression is invalid"),
            ("SET doc = :v, doc.x = :v", "Two document paths overlap"),
            ("SET n = :v SET m = :v", "can only be used once"),
            ("SET flag = flag + :v", "incorrect data type"),
            ("DELETE n :v", "Incorrect operand type"),
            ("PUT n :v", "Syntax error"),
            ("SET n = size(:v)", "Invalid function name; function: size"),
        ] {
            let error = update(text, &[], json!({":v": 1})).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn sets_grow_shrink_and_vanish() {
        let values = |members: &[&str]| {
            let set = AttributeValue::Ss(members.iter().map(|each| (*each).to_owned()).collect());
            Placeholders::new(BTreeMap::new(), BTreeMap::from([(":s".to_owned(), set)]))
        };
        let apply = |text: &str, members: &[&str], item: &Item| {
            let placeholders = values(members);
            Update::parse(Parser::new("UpdateExpression", text, &placeholders).unwrap()).unwrap().apply(item).unwrap()
        };
        let one = apply("ADD tags :s", &["a", "b"], &sample());
        let two = apply("DELETE tags :s", &["a"], &one);
        assert_eq!(wire(&two)["tags"], json!({"SS": ["b"]}));
        assert!(!apply("DELETE tags :s", &["b"], &two).contains_key("tags"), "an empty set is no attribute");
    }

    #[test]
    fn projections_keep_the_shape() {
        let placeholders = placeholders(&[("#l", "list")], json!({}));
        let paths = Parser::new("ProjectionExpression", "doc.x.y, #l[2], gone", &placeholders).unwrap().projection();
        let projected = project(&sample(), &paths.unwrap());
        assert_eq!(
            wire(&projected),
            json!({"list": {"L": [{"N": "3"}]}, "doc": {"M": {"x": {"M": {"y": {"S": "deep"}}}}}})
        );
    }
}

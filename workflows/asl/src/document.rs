//! Reads JSON text and remembers what a plain reader forgets: keys that an object has twice.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{Object, Value};

/// A JSON document.
pub(crate) struct Document {
    /// Its value; of repeated keys the last one counts.
    pub(crate) value: Value,
    /// Location and key of every repetition, in the order of the text.
    pub(crate) duplicates: Vec<(String, String)>,
}

/// Reads one JSON document, at most 128 levels deep.
pub(crate) fn read(text: &str) -> Result<Document, serde_json::Error> {
    let duplicates = RefCell::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Place { location: String::new(), duplicates: &duplicates }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(Document { value, duplicates: duplicates.into_inner() })
}

/// A value that is about to be read, and where it stands.
struct Place<'a> {
    location: String,
    duplicates: &'a RefCell<Vec<(String, String)>>,
}

impl Place<'_> {
    fn child(&self, segment: &str) -> Self {
        Self { location: format!("{}{segment}", self.location), duplicates: self.duplicates }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(truth.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(self.child(&format!("[{}]", items.len())))? {
            items.push(item);
        }
        Ok(Value::array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Object::new();
        while let Some(key) = map.next_key::<String>()? {
            let place = self.child(&format!("/{key}"));
            let location = place.location.clone();
            let value = map.next_value_seed(place)?;
            if members.insert(key.as_str().into(), value).is_some() {
                self.duplicates.borrow_mut().push((location, key));
            }
        }
        Ok(Value::Object(Arc::new(members)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_are_found_wherever_they_are() {
        let document = read(r#"{"a":[{"b":1,"b":2}],"a":3}"#).unwrap();
        assert_eq!(document.duplicates, [("/a[0]/b".into(), "b".into()), ("/a".into(), "a".into())]);
        assert_eq!(document.value.to_string(), r#"{"a":3}"#);
    }

    #[test]
    fn depth_is_bounded() {
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}

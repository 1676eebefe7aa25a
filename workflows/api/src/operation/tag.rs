//! Tags: TagResource, UntagResource, ListTagsForResource, and the tags that a resource is created with.

use engine::Tag;
use serde_json::{Value as Json, json};

use super::Context;
use crate::fault::Fault;
use crate::fields::{ARN, Fields, Text};

const KEY: Text = Text::of(1..=128);
const VALUE: Text = Text::of(0..=256);

/// What a tag may have beside letters, digits and white space.
const SYMBOLS: &str = "_.:/=+-@";

pub(super) async fn tag(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("resourceArn", &ARN);
    let tags = read(&mut fields);
    let tags = fields.demanded("tags", tags);
    fields.check()?;
    context.engine.tag_resource(arn, tags).await?;
    Ok(json!({}))
}

pub(super) async fn untag(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("resourceArn", &ARN);
    let keys = fields.texts("tagKeys", &KEY);
    let keys = fields.demanded("tagKeys", keys);
    fields.check()?;
    context.engine.untag_resource(arn, &keys).await?;
    Ok(json!({}))
}

pub(super) async fn list(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("resourceArn", &ARN);
    fields.check()?;
    let tags = context.engine.list_tags_for_resource(arn)?;
    let tags: Vec<Json> = tags.iter().map(|tag| json!({ "key": tag.key, "value": tag.value })).collect();
    Ok(json!({ "tags": tags }))
}

/// The field `tags`, where it is there.
pub(super) fn read(fields: &mut Fields<'_>) -> Option<Vec<Tag>> {
    fields.each("tags", |tag| {
        let key = tag.required("key", &KEY);
        let value = tag.required("value", &VALUE);
        for (name, text) in [("key", key), ("value", value)] {
            if text.chars().any(is_forbidden) {
                let constraint = r"Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";
                tag.broken(&format!("Value '{text}'"), name, constraint);
            }
        }
        Tag { key: key.to_owned(), value: value.to_owned() }
    })
}

fn is_forbidden(character: char) -> bool {
    !(character.is_alphanumeric() || character.is_whitespace() || SYMBOLS.contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(tags: &Json) -> String {
        let body = json!({ "tags": tags });
        let mut fields = Fields::of(&body).unwrap();
        read(&mut fields);
        fields.check().unwrap_err().message
    }

    #[test]
    fn tags_have_keys_and_values_of_their_length() {
        for (tags, wanted) in [
            (json!([{"key": "", "value": "v"}]), "Value '' at 'tags.1.member.key'"),
            (json!([{"key": "k"}]), "Value null at 'tags.1.member.value'"),
            (json!([{"key": "k", "value": "x".repeat(257)}]), "less than or equal to 256"),
            (json!([{"key": "a"}, {"key": "x".repeat(129), "value": ""}]), "less than or equal to 128"),
            (
                json!([{"key": "a?", "value": ""}]),
                "at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular",
            ),
        ] {
            assert!(refusal(&tags).contains(wanted), "{tags}: {}", refusal(&tags));
        }
    }

    #[test]
    fn tags_may_have_letters_of_any_script_and_some_symbols() {
        let body = json!({ "tags": [{"key": "größe: a/b=c+d-e@f_1.2", "value": ""}] });
        let mut fields = Fields::of(&body).unwrap();
        assert_eq!(read(&mut fields).unwrap().len(), 1);
        fields.check().unwrap();
    }
}

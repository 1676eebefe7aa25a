//! What a new revision names, and how looking it up went. The state machine looks up; here is what the answers mean.

use crate::error::{Error, Kind};
use crate::field::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of thing is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceKind {
    /// An image in ECR.
    Image,
    /// A parameter of Systems Manager.
    Parameter,
    /// A secret of Secrets Manager.
    Secret,
    /// A role of IAM.
    Role,
    /// A log group of CloudWatch Logs.
    LogGroup,
    /// A subnet.
    Subnet,
    /// A quota of Fargate, by its code.
    Quota,
}

impl ReferenceKind {
    /// The name in payloads.
    pub fn name(self) -> &'static str {
        match self {
            ReferenceKind::Image => "image",
            ReferenceKind::Parameter => "parameter",
            ReferenceKind::Secret => "secret",
            ReferenceKind::Role => "role",
            ReferenceKind::LogGroup => "log-group",
            ReferenceKind::Subnet => "subnet",
            ReferenceKind::Quota => "quota",
        }
    }
}

/// A thing that is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Its kind.
    pub kind: ReferenceKind,
    /// Its name as the API that looks it up takes it; for an image the whole name.
    pub name: String,
    /// For an image: the registry's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_id: Option<String>,
    /// For an image: the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_name: Option<String>,
    /// For an image: what `BatchGetImage` takes as `imageIds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_ids: Option<Value>,
}

impl Reference {
    /// A reference; an image is taken apart.
    pub fn new(kind: ReferenceKind, name: &str) -> Self {
        let image = Image::parse(name).filter(|_| kind == ReferenceKind::Image);
        Self {
            kind,
            name: name.to_owned(),
            registry_id: image.as_ref().map(|image| image.registry.clone()),
            repository_name: image.as_ref().map(|image| image.repository.clone()),
            image_ids: image.map(|image| serde_json::json!([image.id])),
        }
    }
}

/// An image in ECR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    registry: String,
    repository: String,
    /// `{"ImageTag": ..}` or `{"ImageDigest": ..}`.
    id: Value,
}

impl Image {
    /// Reads `<account>.dkr.ecr.<region>.amazonaws.com/<repository>[:tag][@digest]`; `None` for another registry.
    pub fn parse(name: &str) -> Option<Self> {
        let (host, path) = name.split_once('/')?;
        let (registry, rest) = host.split_once(".dkr.ecr.")?;
        if !rest.contains(".amazonaws.com") {
            return None;
        }
        let (path, digest) = path.split_once('@').map_or((path, None), |(path, digest)| (path, Some(digest)));
        let (repository, tag) = path.rsplit_once(':').unwrap_or((path, "latest"));
        let id = match digest {
            Some(digest) => serde_json::json!({"ImageDigest": digest}),
            None => serde_json::json!({"ImageTag": tag}),
        };
        Some(Self { registry: registry.to_owned(), repository: repository.to_owned(), id })
    }
}

/// How looking up a reference went.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Its kind.
    pub kind: ReferenceKind,
    /// Its name.
    pub name: String,
    /// What is known.
    pub answer: Answer,
}

/// What is known of a reference.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It exists; this is what the API answered.
    Found(Value),
    /// It does not exist.
    Missing(String),
    /// It could not be found out.
    Unknown(String),
}

/// Error names that mean "there is none", as Step Functions writes them (`Service.ErrorException`).
const ABSENT: [&str; 5] = ["NotFound", "NoSuchEntity", "InvalidSubnetID", "InvalidParameters", "DoesNotExist"];

impl Resolved {
    /// Reads the field `references` of a payload: `{kind, name, found, facts | error}` each. `facts` is the answer of
    /// the API; several of them say there that there is nothing.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field.
    pub fn of_payload(payload: &Value) -> Result<Vec<Self>, Error> {
        let payload = Object::of(payload, "", Kind::InvalidInput)?;
        let items = payload.list("references")?.iter().enumerate();
        items.map(|(index, item)| Self::parse(item, &format!("references[{index}]"))).collect()
    }

    fn parse(item: &Value, path: &str) -> Result<Self, Error> {
        let object = Object::of(item, path, Kind::InvalidInput)?;
        let kind = ReferenceKind::deserialize(object.required("kind")?)
            .map_err(|problem| object.error("kind", &format!("is wrong: {problem}")))?;
        let name = object.text("name")?.to_owned();
        let facts = object.get("facts").cloned().unwrap_or(Value::Null);
        let error = object.get("error").map(error_text);
        let answer = match error {
            None if object.flag("found")? => found(kind, &name, facts),
            None => Answer::Unknown("it could not be looked up".to_owned()),
            Some(error) if ABSENT.iter().any(|name| error.contains(name)) => Answer::Missing(error),
            Some(error) => Answer::Unknown(error),
        };
        Ok(Self { kind, name, answer })
    }
}

/// What an API answered about something that is named, each time anew: its log lines, its scan, or its use.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The name of the [`Reference`].
    pub name: String,
    /// The API's answer, or why there is none.
    pub answer: Result<Value, String>,
}

impl Reading {
    /// Reads the field `field` of a payload: `{name, found, facts | error}` each; absent is none.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming the field.
    pub fn of_payload(payload: &Value, field: &str) -> Result<Vec<Self>, Error> {
        let payload = Object::of(payload, "", Kind::InvalidInput)?;
        let items = payload.list(field)?.iter().enumerate();
        items.map(|(index, item)| Self::parse(item, &format!("{field}[{index}]"))).collect()
    }

    fn parse(item: &Value, path: &str) -> Result<Self, Error> {
        let object = Object::of(item, path, Kind::InvalidInput)?;
        let facts = object.get("facts").filter(|_| object.get("error").is_none());
        let answer = match facts {
            Some(facts) if object.flag("found")? => Ok(facts.clone()),
            _ => Err(object.get("error").map_or_else(|| "nobody says why".to_owned(), error_text)),
        };
        Ok(Self { name: object.text("name")?.to_owned(), answer })
    }

    /// The one of that name.
    pub(crate) fn find<'a>(readings: &'a [Self], name: &str) -> Option<&'a Result<Value, String>> {
        readings.iter().find(|reading| reading.name == name).map(|reading| &reading.answer)
    }
}

/// An error as the definition passes it: a text, or Step Functions' `{Error, Cause}`.
fn error_text(error: &Value) -> String {
    let name = error.get("Error").and_then(Value::as_str);
    let text = name.map(str::to_owned).or_else(|| error.as_str().map(str::to_owned));
    text.unwrap_or_else(|| error.to_string()).chars().take(200).collect()
}

/// The APIs that answer about things that do not exist say so in the answer.
fn found(kind: ReferenceKind, name: &str, facts: Value) -> Answer {
    let filled = |name: &str| list(&facts, name).is_some_and(|items| !items.is_empty());
    let (exists, what) = match kind {
        ReferenceKind::Image => (filled("Images"), "ECR does not have it"),
        ReferenceKind::Parameter => (!filled("InvalidParameters"), "there is no such parameter"),
        // A secret that waits for its deletion can still be described.
        ReferenceKind::Secret => (field(&facts, "DeletedDate").is_none(), "it is to be deleted"),
        // Whether a quota has a value now is asked where it is compared: one without is not known.
        ReferenceKind::Role | ReferenceKind::Quota => (true, ""),
        ReferenceKind::LogGroup => (has_group(&facts, name), "there is no such log group"),
        ReferenceKind::Subnet => (filled("Subnets"), "there is no such subnet"),
    };
    if exists { Answer::Found(facts) } else { Answer::Missing(what.to_owned()) }
}

/// Log groups are looked up by prefix.
fn has_group(facts: &Value, name: &str) -> bool {
    let named = |group: &Value| field(group, "LogGroupName").is_none_or(|found| found == name);
    list(facts, "LogGroups").is_some_and(|groups| groups.iter().any(named))
}

/// A field of an answer; integrations write names in upper, SDKs in lower camel case.
pub(crate) fn field<'a>(facts: &'a Value, name: &str) -> Option<&'a Value> {
    let mut lower = name.to_owned();
    lower[..1].make_ascii_lowercase();
    facts.get(name).or_else(|| facts.get(&lower)).filter(|value| !value.is_null())
}

pub(crate) fn list<'a>(facts: &'a Value, name: &str) -> Option<&'a Vec<Value>> {
    field(facts, name).and_then(Value::as_array)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(item: Value) -> Answer {
        Resolved::of_payload(&json!({"references": [item]})).unwrap().remove(0).answer
    }

    #[test]
    fn images_are_taken_apart() {
        let name = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/orders:orders-88";
        let reference = Reference::new(ReferenceKind::Image, name);
        assert_eq!(reference.registry_id.as_deref(), Some("123456789012"));
        assert_eq!(reference.repository_name.as_deref(), Some("shop/orders"));
        assert_eq!(reference.image_ids, Some(json!([{"ImageTag": "orders-88"}])));
        let pinned = Reference::new(ReferenceKind::Image, "1.dkr.ecr.eu-west-1.amazonaws.com/orders:7@sha256:ab");
        assert_eq!(pinned.image_ids, Some(json!([{"ImageDigest": "sha256:ab"}])));
        assert_eq!(Image::parse("nginx:1.27"), None);
        assert_eq!(Image::parse("public.ecr.aws/nginx/nginx:1.27"), None);
    }

    #[test]
    fn missing_and_unknown_are_told_apart() {
        let image = json!({"kind": "image", "name": "i", "found": true, "facts": {"Images": [], "Failures": [{}]}});
        assert!(matches!(answer(image), Answer::Missing(_)));
        let role = json!({"kind": "role", "name": "r", "found": false, "error": "Iam.NoSuchEntityException"});
        assert!(matches!(answer(role), Answer::Missing(_)));
        let secret = json!({"kind": "secret", "name": "s", "found": false,
            "error": {"Error": "SecretsManager.AccessDeniedException", "Cause": "c"}});
        assert_eq!(answer(secret), Answer::Unknown("SecretsManager.AccessDeniedException".into()));
        let parameter = json!({"kind": "parameter", "name": "p", "found": true, "facts": {"InvalidParameters": ["p"]}});
        assert!(matches!(answer(parameter), Answer::Missing(_)));
        let role = json!({"kind": "role", "name": "r", "found": true, "facts": {}});
        assert!(matches!(answer(role), Answer::Found(_)));
        let longer = json!({"kind": "log-group", "name": "/ecs/a", "found": true,
            "facts": {"LogGroups": [{"LogGroupName": "/ecs/api"}]}});
        assert!(matches!(answer(longer), Answer::Missing(_)), "looked up by prefix");
        let silent = json!({"kind": "role", "name": "r", "found": false});
        assert!(matches!(answer(silent), Answer::Unknown(_)));
    }

    #[test]
    fn a_reading_has_an_answer_or_says_why_not() {
        let read = |logs: Value| Reading::of_payload(&json!({"logs": logs}), "logs");
        let readings = read(json!([{"name": "/a", "found": true, "facts": {"Events": []}},
            {"name": "/b", "found": false, "error": "CloudWatchLogs.SdkClientException: no route"},
            {"name": "/c", "found": false}]))
        .unwrap();
        assert_eq!(Reading::find(&readings, "/a"), Some(&Ok(json!({"Events": []}))));
        assert!(Reading::find(&readings, "/b").unwrap().as_ref().is_err_and(|why| why.ends_with("no route")));
        assert!(Reading::find(&readings, "/c").unwrap().is_err());
        assert_eq!(Reading::find(&readings, "/d"), None);
        assert_eq!(read(json!([{"found": true}])).unwrap_err().message(), "logs[0].name is missing: add it");
        assert_eq!(read(json!(null)).unwrap(), []);
    }

    #[test]
    fn a_bad_kind_is_named() {
        let error = Resolved::of_payload(&json!({"references": [{"kind": "queue", "name": "q"}]})).unwrap_err();
        assert!(error.message().starts_with("references[0].kind is wrong"), "{error}");
    }
}

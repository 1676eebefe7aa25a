//! Secrets Manager: reading.

use serde_json::json;

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::configuration::Secret;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "GetSecretValue" => get(world, input),
        "DescribeSecret" => describe(world, input),
        _ => return None,
    })
}

fn arn(world: &World, name: &str, secret: &Secret) -> String {
    world.place.arn("secretsmanager", &format!("secret:{name}-{}", secret.suffix))
}

fn not_found() -> Failure {
    Failure::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn find<'a>(world: &'a World, input: &Input) -> Result<(&'a String, &'a Secret), Failure> {
    let id = input.required("SecretId")?;
    let found = world.secrets.iter().find(|(name, secret)| name.as_str() == id || arn(world, name, secret) == id);
    found.ok_or_else(not_found)
}

fn describe(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["SecretId"])?;
    let (name, secret) = find(world, input)?;
    let stages = json!({ secret.version.as_str(): ["AWSCURRENT"] });
    Ok(Node::map([
        ("ARN", arn(world, name, secret).into()),
        ("Name", name.as_str().into()),
        ("RotationEnabled", false.into()),
        ("LastChangedDate", Node::Time(secret.created_ms)),
        ("CreatedDate", Node::Time(secret.created_ms)),
        ("VersionIdsToStages", Node::Json(stages)),
    ]))
}

fn get(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["SecretId", "VersionId", "VersionStage"])?;
    let (name, secret) = find(world, input)?;
    if input.text("VersionStage")?.is_some_and(|stage| stage != "AWSCURRENT")
        || input.text("VersionId")?.is_some_and(|version| version != secret.version)
    {
        return Err(not_found());
    }
    Ok(Node::map([
        ("ARN", arn(world, name, secret).into()),
        ("Name", name.as_str().into()),
        ("VersionId", secret.version.as_str().into()),
        ("SecretString", secret.value.as_str().into()),
        ("VersionStages", Node::list(["AWSCURRENT".into()])),
        ("CreatedDate", Node::Time(secret.created_ms)),
    ]))
}

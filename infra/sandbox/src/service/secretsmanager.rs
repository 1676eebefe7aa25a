//! Secrets Manager: reading.

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    (operation == "GetSecretValue").then(|| get(world, input))
}

fn get(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["SecretId", "VersionId", "VersionStage"])?;
    let id = input.required("SecretId")?;
    let arn = |name: &str, suffix: &str| world.place.arn("secretsmanager", &format!("secret:{name}-{suffix}"));
    let found = world.secrets.iter().find(|(name, secret)| name.as_str() == id || arn(name, &secret.suffix) == id);
    let not_found = || Failure::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    let (name, secret) = found.ok_or_else(not_found)?;
    if input.text("VersionStage")?.is_some_and(|stage| stage != "AWSCURRENT")
        || input.text("VersionId")?.is_some_and(|version| version != secret.version)
    {
        return Err(not_found());
    }
    Ok(Node::map([
        ("ARN", arn(name, &secret.suffix).into()),
        ("Name", name.as_str().into()),
        ("VersionId", secret.version.as_str().into()),
        ("SecretString", secret.value.as_str().into()),
        ("VersionStages", Node::list(["AWSCURRENT".into()])),
        ("CreatedDate", Node::Time(secret.created_ms)),
    ]))
}

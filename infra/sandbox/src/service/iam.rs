//! IAM: reading roles.

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    (operation == "GetRole").then(|| get_role(world, input))
}

fn get_role(world: &World, input: &Input) -> Result<Node, Failure> {
    let name = input.required("RoleName")?;
    let not_found =
        || Failure::new("NoSuchEntity", &format!("The role with name {name} cannot be found.")).with_status(404);
    let role = world.roles.get(name).ok_or_else(not_found)?;
    let policy = format!(
        "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A\
         %7B%22Service%22%3A%22{}%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D",
        role.service
    );
    let id: String =
        name.bytes().map(|byte| char::from(b'A' + byte % 26)).chain(std::iter::repeat('A')).take(17).collect();
    let role = Node::map([
        ("Path", "/".into()),
        ("RoleName", name.into()),
        ("RoleId", format!("AROA{id}").into()),
        ("Arn", format!("arn:aws:iam::{}:role/{name}", world.place.account).into()),
        ("CreateDate", Node::Time(role.created_ms)),
        ("AssumeRolePolicyDocument", policy.into()),
        ("MaxSessionDuration", 3_600_i64.into()),
    ]);
    Ok(Node::map([("Role", role)]))
}

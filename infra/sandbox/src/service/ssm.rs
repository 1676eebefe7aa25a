//! Systems Manager's Parameter Store.

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::configuration::Parameter;

/// The largest standard value, bytes.
const MAXIMUM_VALUE: usize = 4096;
/// How many parameters one call may name.
const MAXIMUM_NAMES: usize = 10;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "GetParameter" => get(world, input),
        "GetParameters" => get_many(world, input),
        "GetParametersByPath" => by_path(world, input),
        "PutParameter" => put(world, input),
        _ => return None,
    })
}

/// The bare name of a name, `name:version` or ARN.
fn bare<'a>(world: &World, name: &'a str) -> (&'a str, Option<&'a str>) {
    let prefix = world.place.arn("ssm", "parameter");
    let name = name.strip_prefix(&prefix).unwrap_or(name);
    name.split_once(':').map_or((name, None), |(name, version)| (name, Some(version)))
}

/// The parameter of that name, when the version asked for is the one there is.
fn find<'a>(world: &'a World, name: &str) -> Option<(String, &'a Parameter)> {
    let (name, version) = bare(world, name);
    let parameter = world.parameters.get(name)?;
    version.is_none_or(|version| version == parameter.version.to_string()).then(|| (name.to_owned(), parameter))
}

fn view(world: &World, name: &str, parameter: &Parameter, decrypt: bool) -> Node {
    let hidden = parameter.kind == "SecureString" && !decrypt;
    let value = if hidden { "AQICAHencrypted" } else { parameter.value.as_str() };
    let separator = if name.starts_with('/') { "" } else { "/" };
    Node::map([
        ("Name", name.into()),
        ("Type", parameter.kind.as_str().into()),
        ("Value", value.into()),
        ("Version", parameter.version.into()),
        ("LastModifiedDate", Node::Time(parameter.modified_ms)),
        ("ARN", world.place.arn("ssm", &format!("parameter{separator}{name}")).into()),
        ("DataType", "text".into()),
    ])
}

fn get(world: &World, input: &Input) -> Result<Node, Failure> {
    let asked = input.required("Name")?;
    let decrypt = input.boolean("WithDecryption", false)?;
    match find(world, asked) {
        Some((name, parameter)) => Ok(Node::map([("Parameter", view(world, &name, parameter, decrypt))])),
        None if world.parameters.contains_key(bare(world, asked).0) => Err(Failure::new(
            "ParameterVersionNotFound",
            &format!("Systems Manager could not find version of {asked}."),
        )),
        None => Err(Failure::new("ParameterNotFound", &format!("Parameter {asked} not found."))),
    }
}

fn get_many(world: &World, input: &Input) -> Result<Node, Failure> {
    let names = input.texts("Names")?;
    if names.is_empty() || names.len() > MAXIMUM_NAMES {
        return Err(input.invalid("Names must have between 1 and 10 entries."));
    }
    let decrypt = input.boolean("WithDecryption", false)?;
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for asked in names {
        match find(world, asked) {
            Some((name, parameter)) => found.push(view(world, &name, parameter, decrypt)),
            None => invalid.push(asked.into()),
        }
    }
    Ok(Node::map([("Parameters", Node::list(found)), ("InvalidParameters", Node::list(invalid))]))
}

fn by_path(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["Path", "Recursive", "WithDecryption", "MaxResults", "NextToken"])?;
    let path = input.required("Path")?;
    if !path.starts_with('/') {
        let message = "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash.";
        return Err(input.invalid(message));
    }
    let (recursive, decrypt) = (input.boolean("Recursive", false)?, input.boolean("WithDecryption", false)?);
    let prefix = format!("{}/", path.trim_end_matches('/'));
    let under = |name: &str| name.strip_prefix(&prefix).is_some_and(|rest| recursive || !rest.contains('/'));
    let size = usize::try_from(input.integer("MaxResults")?.unwrap_or(10).clamp(1, 10)).unwrap_or(10);
    let after = input.text("NextToken")?.unwrap_or_default();
    let mut found: Vec<_> =
        world.parameters.iter().filter(|(name, _)| under(name) && name.as_str() > after).take(size + 1).collect();
    let next =
        (found.len() > size).then(|| found.pop()).flatten().and_then(|_| found.last()).map(|(name, _)| name.as_str());
    let views = found.iter().map(|(name, parameter)| view(world, name, parameter, decrypt));
    Ok(Node::map([("Parameters", Node::list(views)), ("NextToken", next.into())]))
}

fn put(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["Name", "Value", "Type", "Overwrite", "Description", "Tier", "DataType"])?;
    let (name, value) = (input.required("Name")?, input.required("Value")?);
    let valid = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte));
    if !valid || (name.contains('/') && !name.starts_with('/')) {
        let message = "Parameter name: can't be prefixed with \"ssm\" (case-insensitive) and must be a fully qualified path of letters, digits and .-_";
        return Err(input.invalid(message));
    }
    if value.len() > MAXIMUM_VALUE {
        return Err(input.invalid("Standard tier parameters support a maximum parameter value of 4096 characters."));
    }
    let existing = world.parameters.get(name);
    if existing.is_some() && !input.boolean("Overwrite", false)? {
        let message =
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
        return Err(Failure::new("ParameterAlreadyExists", message));
    }
    let kind = match (input.text("Type")?, existing) {
        (Some(kind @ ("String" | "StringList" | "SecureString")), _) => kind.to_owned(),
        (Some(_), _) => return Err(input.invalid("Type must be String, StringList or SecureString.")),
        (None, Some(existing)) => existing.kind.clone(),
        (None, None) => return Err(input.invalid("A parameter type is required when you create a parameter.")),
    };
    let version = existing.map_or(0, |existing| existing.version) + 1;
    let parameter = Parameter { kind, value: value.to_owned(), version, modified_ms: world.now_ms };
    world.parameters.insert(name.to_owned(), parameter);
    Ok(Node::map([("Version", version.into()), ("Tier", "Standard".into())]))
}

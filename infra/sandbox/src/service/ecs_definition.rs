//! ECS: task definitions, registered and described.

use serde_json::{Map, Value, json};

use super::ecs::{resolve_definition, short};
use super::ecs_view;
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::wire::node::seconds;
use crate::world::{TaskDefinition, World};

/// What a task definition may say; all of it is kept and described, only image, secrets and family have effects.
const PARAMETERS: [&str; 11] = [
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "runtimePlatform",
    "ephemeralStorage",
];

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "DescribeTaskDefinition" => describe(world, input),
        "RegisterTaskDefinition" => register(world, input),
        "ListTaskDefinitions" => list(world, input),
        _ => return None,
    })
}

fn describe(world: &World, input: &Input) -> Result<Node, Failure> {
    let arn = resolve_definition(world, input.required("taskDefinition")?)?;
    let found = world.definition(&arn).map(|definition| view(world, definition, &arn));
    Ok(Node::map([("taskDefinition", found.into()), ("tags", Node::list([]))]))
}

fn view(world: &World, definition: &TaskDefinition, arn: &str) -> Node {
    let Some(document) = &definition.document else { return ecs_view::task_definition(world, definition, arn) };
    let mut document = document.clone();
    document["taskDefinitionArn"] = json!(arn);
    document["revision"] = json!(definition.revision);
    document["status"] = json!("ACTIVE");
    document["registeredAt"] = json!(seconds(definition.registered_ms));
    Node::Json(document)
}

fn refused(message: &str) -> Failure {
    Failure::new("ClientException", message)
}

fn register(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let known: Vec<&str> = PARAMETERS.into_iter().chain(["tags"]).collect();
    input.only(&known)?;
    let family = input.required("family")?;
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if family.len() > 255 || !family.bytes().all(valid) {
        return Err(refused("Family contains invalid characters."));
    }
    let containers = input.structures("containerDefinitions")?;
    if containers.is_empty() {
        return Err(refused("Container list cannot be empty."));
    }
    for container in &containers {
        container.required("name")?;
        if container.text("image")?.is_none_or(str::is_empty) {
            return Err(refused("Container.image should not be null or empty."));
        }
    }
    let fargate = input.texts("requiresCompatibilities")?.contains(&"FARGATE");
    if fargate && (input.get("cpu").is_none() || input.get("memory").is_none()) {
        return Err(refused("No Fargate configuration exists for given values: give cpu and memory."));
    }
    if fargate && world.fleet.is_some() && !is_fargate(input)? {
        return Err(refused("No Fargate configuration exists for given values."));
    }
    let kept = PARAMETERS.iter().filter_map(|name| Some(((*name).to_owned(), input.get(name)?.clone())));
    let document: Map<String, Value> = kept.collect();
    let arn = world.register(family, Value::Object(document));
    let described = world.definition(&arn).map(|definition| view(world, definition, &arn));
    Ok(Node::map([("taskDefinition", described.into())]))
}

/// Whether Fargate has tasks of that CPU and memory: from (CPU units, least and most memory in GiB, its step).
fn is_fargate(input: &Input) -> Result<bool, Failure> {
    const LADDER: [(i64, i64, i64, i64); 6] =
        [(512, 1, 4, 1), (1024, 2, 8, 1), (2048, 4, 16, 1), (4096, 8, 30, 1), (8192, 16, 60, 4), (16384, 32, 120, 8)];
    let (cpu, memory) = (input.integer("cpu")?.unwrap_or(0), input.integer("memory")?.unwrap_or(0));
    if cpu == 256 {
        return Ok([512, 1024, 2048].contains(&memory));
    }
    let fits = |(_, least, most, step): &(i64, i64, i64, i64)| {
        memory % 1024 == 0 && (*least..=*most).contains(&(memory / 1024)) && (memory / 1024 - least) % step == 0
    };
    Ok(LADDER.iter().find(|(units, ..)| *units == cpu).is_some_and(fits))
}

fn list(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["familyPrefix", "status", "sort", "maxResults", "nextToken"])?;
    let family = input.text("familyPrefix")?.map(short);
    let wanted = |definition: &&TaskDefinition| family.is_none_or(|family| definition.family == family);
    let mut found: Vec<&TaskDefinition> = world.task_definitions.iter().filter(wanted).collect();
    found.sort_by(|a, b| (&a.family, a.revision).cmp(&(&b.family, b.revision)));
    if input.text("sort")? == Some("DESC") {
        found.reverse();
    }
    let arn = |definition: &&TaskDefinition| {
        world.place.arn("ecs", &format!("task-definition/{}:{}", definition.family, definition.revision)).into()
    };
    let (arns, next) = super::ecs::page(input, found.iter().map(arn).collect())?;
    Ok(Node::map([("taskDefinitionArns", Node::list(arns)), ("nextToken", next)]))
}

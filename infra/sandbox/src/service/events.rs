//! EventBridge: events, and rules that start executions of state machines.

use serde_json::Value;

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::rule::{self, Rule, Target, Timetable};

/// How many events one call may put.
const MAXIMUM_ENTRIES: usize = 10;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "PutEvents" => put_events(world, input),
        "PutRule" => put_rule(world, input),
        "DeleteRule" => delete_rule(world, input),
        "ListRules" => list_rules(world, input),
        "PutTargets" => put_targets(world, input),
        "RemoveTargets" => remove_targets(world, input),
        "ListTargetsByRule" => list_targets(world, input),
        _ => return None,
    })
}

fn put_events(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let entries = input.structures("Entries")?;
    if entries.is_empty() || entries.len() > MAXIMUM_ENTRIES {
        return Err(input.invalid("1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10"));
    }
    let (mut answers, mut failed) = (Vec::new(), 0_i64);
    for entry in entries {
        match problem(&entry)? {
            Some((code, message)) => {
                failed += 1;
                answers.push(Node::map([("ErrorCode", code.into()), ("ErrorMessage", message.into())]));
            }
            None => {
                let id = world.ids.uuid();
                world.bus.keep(id.clone(), entry.value().clone());
                put(world, &entry)?;
                answers.push(Node::map([("EventId", id.into())]));
            }
        }
    }
    Ok(Node::map([("FailedEntryCount", failed.into()), ("Entries", Node::list(answers))]))
}

/// What EventBridge refuses about one entry.
fn problem(entry: &Input) -> Result<Option<(&'static str, String)>, Failure> {
    for field in ["Source", "DetailType", "Detail"] {
        if entry.text(field)?.is_none_or(str::is_empty) {
            return Ok(Some((
                "InvalidArgument",
                format!("Parameter {field} is not valid. Reason: {field} is a required argument."),
            )));
        }
    }
    let detail = entry.text("Detail")?.unwrap_or_default();
    if !serde_json::from_str::<Value>(detail).is_ok_and(|detail| detail.is_object()) {
        return Ok(Some(("MalformedDetail", "Detail is malformed.".to_owned())));
    }
    let bus = entry.text("EventBusName")?.unwrap_or("default");
    if bus != "default" && !bus.ends_with("event-bus/default") {
        return Ok(Some(("InvalidArgument", format!("Event bus {bus} does not exist; the sandbox has only default."))));
    }
    Ok(None)
}

/// Gives an entry to the rules, in the form in which targets receive it.
fn put(world: &mut World, entry: &Input) -> Result<(), Failure> {
    let resources: Vec<String> = entry.texts("Resources")?.into_iter().map(str::to_owned).collect();
    let detail = serde_json::from_str(entry.text("Detail")?.unwrap_or("{}")).unwrap_or_default();
    let (source, detail_type) =
        (entry.text("Source")?.unwrap_or_default(), entry.text("DetailType")?.unwrap_or_default());
    let event = world.envelope(source, detail_type, &resources, detail);
    world.deliver(&event);
    Ok(())
}

fn check_bus(input: &Input) -> Result<(), Failure> {
    match input.text("EventBusName")?.unwrap_or("default") {
        "default" => Ok(()),
        bus if bus.ends_with("event-bus/default") => Ok(()),
        bus => Err(no_such(&format!("Event bus {bus} does not exist."))),
    }
}

fn no_such(message: &str) -> Failure {
    Failure::new("ResourceNotFoundException", message)
}

fn rule_arn(world: &World, name: &str) -> String {
    world.place.arn("events", &format!("rule/{name}"))
}

fn put_rule(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "Name",
        "EventPattern",
        "ScheduleExpression",
        "State",
        "Description",
        "EventBusName",
        "RoleArn",
        "Tags",
    ])?;
    check_bus(input)?;
    let name = input.required("Name")?;
    let expression = input.text("ScheduleExpression")?;
    let pattern = match input.text("EventPattern")? {
        None if expression.is_some() => Value::Null,
        None => return Err(input.invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")),
        Some(text) => pattern(text)?,
    };
    let timetable = expression.map(|text| Timetable::new(text, world.now_ms)).transpose();
    let timetable = timetable.map_err(|problem| input.invalid(&problem))?;
    let targets = world.bus.rules.get(name).map(|rule| rule.targets.clone()).unwrap_or_default();
    let enabled = input.text("State")?.unwrap_or("ENABLED") != "DISABLED";
    let description = input.text("Description")?.map(str::to_owned);
    world.bus.rules.insert(name.to_owned(), Rule { pattern, timetable, enabled, description, targets });
    Ok(Node::map([("RuleArn", rule_arn(world, name).into())]))
}

fn pattern(text: &str) -> Result<Value, Failure> {
    let pattern: Value = serde_json::from_str(text).unwrap_or_default();
    match rule::problem(&pattern) {
        Some(problem) => Err(Failure::new("InvalidEventPatternException", problem)),
        None => Ok(pattern),
    }
}

fn delete_rule(world: &mut World, input: &Input) -> Result<Node, Failure> {
    check_bus(input)?;
    let name = input.required("Name")?;
    if world.bus.rules.get(name).is_some_and(|rule| !rule.targets.is_empty()) {
        return Err(input.invalid("Rule can't be deleted since it has targets."));
    }
    world.bus.rules.remove(name);
    Ok(Node::empty())
}

fn list_rules(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["NamePrefix", "EventBusName", "NextToken", "Limit"])?;
    check_bus(input)?;
    let prefix = input.text("NamePrefix")?.unwrap_or_default();
    let rules = world.bus.rules.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(name, rule)| {
        Node::map([
            ("Name", name.as_str().into()),
            ("Arn", rule_arn(world, name).into()),
            ("EventPattern", (!rule.pattern.is_null()).then(|| rule.pattern.to_string()).into()),
            ("ScheduleExpression", rule.timetable.as_ref().map(|timetable| timetable.expression.as_str()).into()),
            ("State", if rule.enabled { "ENABLED" } else { "DISABLED" }.into()),
            ("Description", rule.description.as_deref().into()),
            ("EventBusName", "default".into()),
        ])
    });
    Ok(Node::map([("Rules", Node::list(rules))]))
}

/// The rule that the parameters name.
fn rule<'a>(world: &'a mut World, input: &Input) -> Result<&'a mut Rule, Failure> {
    check_bus(input)?;
    let name = input.required("Rule")?;
    world.bus.rules.get_mut(name).ok_or_else(|| no_such(&format!("Rule {name} does not exist on EventBus default.")))
}

fn put_targets(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let mut targets = Vec::new();
    for given in input.structures("Targets")? {
        given.only(&["Id", "Arn", "RoleArn", "Input"])?;
        let arn = given.required("Arn")?;
        if !arn.contains(":stateMachine:") {
            return Err(input.invalid("the sandbox's rules have state machines as targets only"));
        }
        let text = given.text("Input")?;
        let input_json = text.map(serde_json::from_str).transpose();
        targets.push(Target {
            id: given.required("Id")?.to_owned(),
            arn: arn.to_owned(),
            role: given.text("RoleArn")?.map(str::to_owned),
            input: input_json.map_err(|_| given.invalid("Invalid Input for target: it is not JSON."))?,
        });
    }
    if targets.is_empty() {
        return Err(input.missing("Targets"));
    }
    let rule = rule(world, input)?;
    for target in targets {
        rule.targets.retain(|own| own.id != target.id);
        rule.targets.push(target);
    }
    Ok(Node::map([("FailedEntryCount", 0_i64.into()), ("FailedEntries", Node::list([]))]))
}

fn remove_targets(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let ids = input.texts("Ids")?;
    rule(world, input)?.targets.retain(|target| !ids.contains(&target.id.as_str()));
    Ok(Node::map([("FailedEntryCount", 0_i64.into()), ("FailedEntries", Node::list([]))]))
}

fn list_targets(world: &mut World, input: &Input) -> Result<Node, Failure> {
    let targets = rule(world, input)?.targets.iter().map(|target| {
        Node::map([
            ("Id", target.id.as_str().into()),
            ("Arn", target.arn.as_str().into()),
            ("RoleArn", target.role.as_deref().into()),
            ("Input", target.input.as_ref().map(Value::to_string).into()),
        ])
    });
    Ok(Node::map([("Targets", Node::list(targets))]))
}

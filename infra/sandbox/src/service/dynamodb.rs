//! DynamoDB: tables and single items. Query and Scan are in `dynamodb_search`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dynamodb_search;
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::wire::node::seconds;
use crate::world::World;
use crate::world::table::{
    AttributeValue, Condition, Item, Key, KeyAttribute, MAXIMUM_ITEM_BYTES, Parser, Path, Placeholders, Segment, Table,
    Update, item, item_bytes, project, wire,
};

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "CreateTable" => create_table(world, input),
        "DescribeTable" => describe_table(world, input),
        "GetItem" => get_item(world, input),
        "PutItem" => put_item(world, input),
        "UpdateItem" => update_item(world, input),
        "DeleteItem" => delete_item(world, input),
        "Query" => dynamodb_search::query(world, input),
        "Scan" => dynamodb_search::scan(world, input),
        _ => return None,
    })
}

/// A request that DynamoDB refuses with this message.
pub(super) fn invalid(message: &str) -> Failure {
    Failure::new("ValidationException", message)
}

fn refuse(message: String) -> Failure {
    invalid(&message)
}

/// The table's name; an ARN names it too.
fn table_name<'a>(input: &Input<'a>) -> Result<&'a str, Failure> {
    let name = input.required("TableName")?;
    Ok(name.rsplit('/').next().unwrap_or(name))
}

/// The table that a request names.
pub(super) fn table<'a>(world: &'a World, input: &Input) -> Result<&'a Table, Failure> {
    world.tables.get(table_name(input)?).ok_or_else(not_found)
}

fn table_mut<'a>(world: &'a mut World, input: &Input) -> Result<&'a mut Table, Failure> {
    world.tables.get_mut(table_name(input)?).ok_or_else(not_found)
}

fn not_found() -> Failure {
    Failure::new("ResourceNotFoundException", "Requested resource not found")
}

/// ExpressionAttributeNames and ExpressionAttributeValues.
pub(super) fn placeholders(input: &Input) -> Result<Placeholders, Failure> {
    let mut names = BTreeMap::new();
    for (alias, name) in input.get("ExpressionAttributeNames").and_then(Value::as_object).into_iter().flatten() {
        let name = name.as_str().filter(|_| alias.starts_with('#') && alias.len() > 1);
        let bad = || refuse(format!("ExpressionAttributeNames contains invalid key: Syntax error; key: \"{alias}\""));
        names.insert(alias.clone(), name.ok_or_else(bad)?.to_owned());
    }
    let mut values = BTreeMap::new();
    for (alias, value) in input.get("ExpressionAttributeValues").and_then(Value::as_object).into_iter().flatten() {
        if !alias.starts_with(':') || alias.len() < 2 {
            let message = format!("ExpressionAttributeValues contains invalid key: Syntax error; key: \"{alias}\"");
            return Err(refuse(message));
        }
        let problem =
            |problem| refuse(format!("ExpressionAttributeValues contains invalid value: {problem}; key: {alias}"));
        values.insert(alias.clone(), AttributeValue::from_wire(value).map_err(problem)?);
    }
    Ok(Placeholders::new(names, values))
}

/// A condition or filter, when the request has one.
pub(super) fn condition(
    input: &Input,
    field: &'static str,
    placeholders: &Placeholders,
) -> Result<Option<Condition>, Failure> {
    let Some(text) = input.text(field)? else { return Ok(None) };
    Parser::new(field, text, placeholders).and_then(Parser::condition).map(Some).map_err(refuse)
}

/// A projection, when the request has one.
pub(super) fn projection(input: &Input, placeholders: &Placeholders) -> Result<Option<Vec<Path>>, Failure> {
    let Some(text) = input.text("ProjectionExpression")? else { return Ok(None) };
    let parsed = Parser::new("ProjectionExpression", text, placeholders).and_then(Parser::projection);
    parsed.map(Some).map_err(refuse)
}

/// Every placeholder must be used.
pub(super) fn check_used(placeholders: &Placeholders) -> Result<(), Failure> {
    placeholders.check_used().map_err(refuse)
}

/// Refuses the parameters that expressions replaced, and those of features that are not modelled.
pub(super) fn check_parameters(input: &Input, known: &[&str]) -> Result<(), Failure> {
    const COMMON: [&str; 5] = [
        "TableName",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "ReturnConsumedCapacity",
        "ReturnItemCollectionMetrics",
    ];
    let all: Vec<&str> = COMMON.iter().chain(known).copied().collect();
    input.only(&all)
}

/// Adds the consumed capacity, when it is asked for.
pub(super) fn with_capacity(input: &Input, mut answer: Value, units: f64) -> Result<Node, Failure> {
    if matches!(input.text("ReturnConsumedCapacity")?, Some("TOTAL" | "INDEXES")) {
        answer["ConsumedCapacity"] = json!({ "TableName": table_name(input)?, "CapacityUnits": units });
    }
    Ok(Node::Json(answer))
}

fn read_item(input: &Input, field: &str) -> Result<Item, Failure> {
    let value = input.get(field).ok_or_else(|| input.missing(field))?;
    item(value).map_err(refuse)
}

fn read_key(input: &Input, table: &Table) -> Result<(Item, Key), Failure> {
    let given = read_item(input, "Key")?;
    let key = table.key(&given, true).map_err(refuse)?;
    Ok((given, key))
}

/// The condition must hold for the item there is; otherwise the failure, with the item when asked.
fn check_condition(condition: Option<&Condition>, before: Option<&Item>, input: &Input) -> Result<(), Failure> {
    let empty = Item::new();
    if condition.is_none_or(|condition| condition.holds(before.unwrap_or(&empty))) {
        return Ok(());
    }
    let failure = Failure::new("ConditionalCheckFailedException", "The conditional request failed");
    let asked = input.text("ReturnValuesOnConditionCheckFailure")? == Some("ALL_OLD");
    Err(match before.filter(|_| asked) {
        Some(item) => failure.with_member("Item", wire(item)),
        None => failure,
    })
}

fn check_size(item: &Item) -> Result<(), Failure> {
    if item_bytes(item) > MAXIMUM_ITEM_BYTES {
        return Err(invalid("Item size has exceeded the maximum allowed size"));
    }
    Ok(())
}

/// ReturnValues, which must be one of `known`.
fn return_values<'a>(input: &Input<'a>, known: &[&str]) -> Result<&'a str, Failure> {
    let asked = input.text("ReturnValues")?.unwrap_or("NONE");
    if known.contains(&asked) {
        return Ok(asked);
    }
    Err(refuse(format!("Return values set to invalid value: {asked}; here may stand {}", known.join(", "))))
}

fn get_item(world: &World, input: &Input) -> Result<Node, Failure> {
    check_parameters(input, &["Key", "ConsistentRead", "ProjectionExpression"])?;
    let table = table(world, input)?;
    let (_, key) = read_key(input, table)?;
    let placeholders = placeholders(input)?;
    let paths = projection(input, &placeholders)?;
    check_used(&placeholders)?;
    let consistent = input.boolean("ConsistentRead", false)?;
    let found = table.items.get(&key).map(|item| match &paths {
        Some(paths) => wire(&project(item, paths)),
        None => wire(item),
    });
    let answer = found.map_or_else(|| json!({}), |item| json!({ "Item": item }));
    with_capacity(input, answer, if consistent { 1.0 } else { 0.5 })
}

fn put_item(world: &mut World, input: &Input) -> Result<Node, Failure> {
    check_parameters(input, &["Item", "ConditionExpression", "ReturnValues", "ReturnValuesOnConditionCheckFailure"])?;
    let returns = return_values(input, &["NONE", "ALL_OLD"])?;
    let placeholders = placeholders(input)?;
    let condition = condition(input, "ConditionExpression", &placeholders)?;
    check_used(&placeholders)?;
    let new = read_item(input, "Item")?;
    check_size(&new)?;
    let table = table_mut(world, input)?;
    let key = table.key(&new, false).map_err(refuse)?;
    check_condition(condition.as_ref(), table.items.get(&key), input)?;
    let old = table.items.insert(key, new);
    with_capacity(input, old_attributes(old.as_ref(), returns), 1.0)
}

fn delete_item(world: &mut World, input: &Input) -> Result<Node, Failure> {
    check_parameters(input, &["Key", "ConditionExpression", "ReturnValues", "ReturnValuesOnConditionCheckFailure"])?;
    let returns = return_values(input, &["NONE", "ALL_OLD"])?;
    let placeholders = placeholders(input)?;
    let condition = condition(input, "ConditionExpression", &placeholders)?;
    check_used(&placeholders)?;
    let table = table_mut(world, input)?;
    let (_, key) = read_key(input, table)?;
    check_condition(condition.as_ref(), table.items.get(&key), input)?;
    let old = table.items.remove(&key);
    with_capacity(input, old_attributes(old.as_ref(), returns), 1.0)
}

fn old_attributes(old: Option<&Item>, returns: &str) -> Value {
    match old.filter(|_| returns == "ALL_OLD") {
        Some(old) => json!({ "Attributes": wire(old) }),
        None => json!({}),
    }
}

fn update_item(world: &mut World, input: &Input) -> Result<Node, Failure> {
    const RETURNS: [&str; 5] = ["NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"];
    check_parameters(
        input,
        &["Key", "UpdateExpression", "ConditionExpression", "ReturnValues", "ReturnValuesOnConditionCheckFailure"],
    )?;
    let returns = return_values(input, &RETURNS)?;
    let placeholders = placeholders(input)?;
    let update = match input.text("UpdateExpression")? {
        Some(text) => Parser::new("UpdateExpression", text, &placeholders).and_then(Update::parse).map_err(refuse)?,
        None => Update::default(),
    };
    let condition = condition(input, "ConditionExpression", &placeholders)?;
    check_used(&placeholders)?;
    let table = table_mut(world, input)?;
    let (given, key) = read_key(input, table)?;
    if let Some(name) = update.touched().into_iter().find(|name| table.is_key(name)) {
        return Err(refuse(format!(
            "One or more parameter values were invalid: Cannot update attribute {name}. This attribute is part of the key"
        )));
    }
    let before = table.items.get(&key).cloned();
    check_condition(condition.as_ref(), before.as_ref(), input)?;
    let after = update.apply(before.as_ref().unwrap_or(&given)).map_err(refuse)?;
    check_size(&after)?;
    table.items.insert(key, after.clone());
    with_capacity(input, updated(returns, before.as_ref(), &after, &update), 1.0)
}

/// What ReturnValues asks for.
fn updated(returns: &str, before: Option<&Item>, after: &Item, update: &Update) -> Value {
    // Elements of lists are returned by their attribute's whole path up to the list.
    let paths: Vec<Path> = update.paths().into_iter().map(|path| up_to_list(&path)).collect();
    let shown = match returns {
        "ALL_NEW" => Some(after.clone()),
        "UPDATED_NEW" => Some(project(after, &paths)),
        "ALL_OLD" => before.cloned(),
        "UPDATED_OLD" => before.map(|before| project(before, &paths)),
        _ => None,
    };
    match shown.filter(|item| !item.is_empty()) {
        Some(item) => json!({ "Attributes": wire(&item) }),
        None => json!({}),
    }
}

fn up_to_list(path: &[Segment]) -> Path {
    path.iter().take_while(|segment| matches!(segment, Segment::Name(_))).cloned().collect()
}

fn create_table(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "TableName",
        "KeySchema",
        "AttributeDefinitions",
        "BillingMode",
        "ProvisionedThroughput",
        "Tags",
        "SSESpecification",
        "TableClass",
        "DeletionProtectionEnabled",
        "StreamSpecification",
    ])?;
    let name = table_name(input)?.to_owned();
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(3..=255).contains(&name.len()) || !name.bytes().all(valid) {
        return Err(invalid(
            "TableName must be at least 3 characters long and at most 255 characters long, of a-z, A-Z, 0-9, _, -, .",
        ));
    }
    if world.tables.contains_key(&name) {
        return Err(Failure::new("ResourceInUseException", &format!("Table already exists: {name}")));
    }
    let hash = key_attribute(input, "HASH")?
        .ok_or_else(|| invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type"))?;
    let range = key_attribute(input, "RANGE")?;
    let table = Table {
        name: name.clone(),
        hash,
        range,
        created_ms: world.now_ms,
        id: world.ids.uuid(),
        items: BTreeMap::new(),
    };
    let description = description(world, &table, "CREATING");
    world.tables.insert(name, table);
    Ok(Node::Json(json!({ "TableDescription": description })))
}

fn key_attribute(input: &Input, kind: &str) -> Result<Option<KeyAttribute>, Failure> {
    for element in input.structures("KeySchema")? {
        if element.required("KeyType")? != kind {
            continue;
        }
        let name = element.required("AttributeName")?;
        for definition in input.structures("AttributeDefinitions")? {
            if definition.required("AttributeName")? == name {
                let kind = definition.required("AttributeType")?.to_owned();
                return Ok(Some(KeyAttribute { name: name.to_owned(), kind }));
            }
        }
        return Err(refuse(format!(
            "One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [{name}]"
        )));
    }
    Ok(None)
}

fn describe_table(world: &World, input: &Input) -> Result<Node, Failure> {
    let name = table_name(input)?;
    let missing = || {
        let message = format!("Requested resource not found: Table: {name} not found");
        Failure::new("ResourceNotFoundException", &message)
    };
    let table = world.tables.get(name).ok_or_else(missing)?;
    Ok(Node::Json(json!({ "Table": description(world, table, "ACTIVE") })))
}

fn description(world: &World, table: &Table, status: &str) -> Value {
    let keys: Vec<&KeyAttribute> = table.key_attributes().collect();
    let schema =
        keys.iter().zip(["HASH", "RANGE"]).map(|(key, kind)| json!({ "AttributeName": key.name, "KeyType": kind }));
    let definitions = keys.iter().map(|key| json!({ "AttributeName": key.name, "AttributeType": key.kind }));
    json!({
        "TableName": table.name,
        "TableArn": world.place.arn("dynamodb", &format!("table/{}", table.name)),
        "TableId": table.id,
        "TableStatus": status,
        "CreationDateTime": seconds(table.created_ms),
        "KeySchema": schema.collect::<Vec<_>>(),
        "AttributeDefinitions": definitions.collect::<Vec<_>>(),
        "ItemCount": table.items.len(),
        "TableSizeBytes": table.items.values().map(item_bytes).sum::<usize>(),
        "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
        "ProvisionedThroughput": { "NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0 },
    })
}

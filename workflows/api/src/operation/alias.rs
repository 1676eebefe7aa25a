//! Aliases: create, update, describe, list, delete.

use engine::{AliasChange, NewStateMachineAlias, Route};
use serde_json::{Value as Json, json};

use super::Context;
use crate::fault::Fault;
use crate::fields::{ARN, Fields, NAME, Text};
use crate::history::timestamp;
use crate::page::Page;

const DESCRIPTION: Text = Text::sensitive(0..=256);

/// What an alias's name looks like; digits alone would be a version.
const PATTERN: &str = r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$";

pub(super) async fn create(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let name = read_name(&mut fields);
    let description = fields.optional("description", &DESCRIPTION).map(str::to_owned);
    let routes = read_routes(&mut fields);
    let routes = fields.demanded("routingConfiguration", routes);
    fields.check()?;
    let new = NewStateMachineAlias { name: name.to_owned(), description, routes };
    let alias = context.engine.create_state_machine_alias(new).await?;
    Ok(json!({ "stateMachineAliasArn": &*alias.arn, "creationDate": timestamp(alias.creation_date) }))
}

pub(super) async fn update(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineAliasArn", &ARN);
    let description = fields.optional("description", &DESCRIPTION).map(str::to_owned);
    let routes = read_routes(&mut fields);
    fields.check()?;
    let alias = context.engine.update_state_machine_alias(arn, AliasChange { description, routes }).await?;
    Ok(json!({ "updateDate": timestamp(alias.update_date) }))
}

pub(super) async fn describe(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineAliasArn", &ARN);
    fields.check()?;
    let alias = context.engine.describe_state_machine_alias(arn)?;
    let routes: Vec<Json> = alias
        .routes
        .iter()
        .map(|route| json!({ "stateMachineVersionArn": &*route.version_arn, "weight": route.weight }))
        .collect();
    let mut answer = json!({
        "stateMachineAliasArn": &*alias.arn,
        "name": &*alias.name,
        "routingConfiguration": routes,
        "creationDate": timestamp(alias.creation_date),
        "updateDate": timestamp(alias.update_date),
    });
    if let Some(description) = &alias.description {
        answer["description"] = (&**description).into();
    }
    Ok(answer)
}

pub(super) async fn list(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineArn", &ARN);
    let page = Page::read(&mut fields, 1024, format!("ListStateMachineAliases {arn}"), context.engine.now())?;
    let all = context.engine.list_state_machine_aliases(arn)?;
    let (aliases, next) = page.cut(&all, |alias| alias.name.to_string());
    let aliases = aliases
        .iter()
        .map(|alias| json!({ "stateMachineAliasArn": &*alias.arn, "creationDate": timestamp(alias.creation_date) }))
        .collect();
    Ok(super::listing("stateMachineAliases", aliases, next))
}

pub(super) async fn delete(context: &Context, mut fields: Fields<'_>) -> Result<Json, Fault> {
    let arn = fields.required("stateMachineAliasArn", &ARN);
    fields.check()?;
    context.engine.delete_state_machine_alias(arn).await?;
    Ok(json!({}))
}

fn read_name<'a>(fields: &mut Fields<'a>) -> &'a str {
    let name = fields.required("name", &NAME);
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    let given = fields.raw("name").is_some();
    if given && !(name.chars().all(is_allowed) && name.chars().any(|character| !character.is_ascii_digit())) {
        let constraint = format!("Member must satisfy regular expression pattern: {PATTERN}");
        fields.broken(&format!("Value '{name}'"), "name", &constraint);
    }
    name
}

/// The field `routingConfiguration`, where it is there: one version or two.
fn read_routes(fields: &mut Fields<'_>) -> Option<Vec<Route>> {
    const FIELD: &str = "routingConfiguration";
    let mut weights = Vec::new();
    let routes = fields.each(FIELD, |route| {
        let version = route.required("stateMachineVersionArn", &ARN);
        let weight = route.number("weight", &(0..=100));
        let weight = route.demanded("weight", weight);
        weights.push(weight);
        Route { version_arn: version.into(), weight: u8::try_from(weight).unwrap_or_default() }
    })?;
    let bound = match routes.len() {
        1 | 2 => return Some(routes),
        0 => "greater than or equal to 1",
        _ => "less than or equal to 2",
    };
    let shown = routes.iter().zip(weights).map(|(route, weight)| {
        let arn = &route.version_arn;
        format!("RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight={weight})")
    });
    let shown = format!("Value '[{}]'", shown.collect::<Vec<_>>().join(", "));
    fields.broken(&shown, FIELD, &format!("Member must have length {bound}"));
    Some(routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &Json) -> String {
        let mut fields = Fields::of(body).unwrap();
        read_name(&mut fields);
        read_routes(&mut fields);
        fields.check().unwrap_err().message
    }

    fn route(version: &str, weight: i64) -> Json {
        json!({ "stateMachineVersionArn": version, "weight": weight })
    }

    #[test]
    fn a_name_is_no_number() {
        for name in ["123", "a b", "a!", "größe", "a:b"] {
            let refused = refusal(&json!({ "name": name }));
            let wanted = format!(
                "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: {PATTERN}"
            );
            assert_eq!(refused, wanted);
        }
        assert!(refusal(&json!({})).contains("Value null at 'name'"));
        assert!(refusal(&json!({"name": "x".repeat(81)})).ends_with("less than or equal to 80"));
        for name in ["PROD", "1a", "-", "1.0", "a_b"] {
            let body = json!({ "name": name });
            let mut fields = Fields::of(&body).unwrap();
            assert_eq!(read_name(&mut fields), name);
            fields.check().unwrap();
        }
    }

    #[test]
    fn an_alias_leads_to_one_version_or_two() {
        let body = |routes: Json| json!({ "name": "a", "routingConfiguration": routes });
        assert!(refusal(&body(json!([]))).contains("Value '[]' at 'routingConfiguration'"));
        assert!(refusal(&body(json!([route("v:1", 101)]))).contains(
            "Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have \
             value less than or equal to 100"
        ));
        assert!(refusal(&body(json!([{"stateMachineVersionArn": "v"}]))).contains("Value null at 'routingConf"));
        assert_eq!(
            refusal(&body(json!([route("v:1", 50), route("v:2", 30), route("v:3", 20)]))),
            "1 validation error detected: Value '[RoutingConfigurationListItem(stateMachineVersionArn=v:1, weight=50), \
             RoutingConfigurationListItem(stateMachineVersionArn=v:2, weight=30), RoutingConfigurationListItem(\
             stateMachineVersionArn=v:3, weight=20)]' at 'routingConfiguration' failed to satisfy constraint: Member \
             must have length less than or equal to 2"
        );
    }
}

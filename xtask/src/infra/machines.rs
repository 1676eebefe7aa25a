//! The roles of state machines against the integrations in their definitions: nothing missing, nothing unused.

use serde_json::{Value, json};

use super::policy::{self, Grant};
use super::suite::{Suite, pascal};

/// What an integration needs: an action, and where the definition says it, the resource as the template writes it.
#[derive(Debug, Clone, PartialEq)]
struct Need {
    action: String,
    resource: Option<Value>,
}

/// Every state machine.
pub(crate) fn check(suite: &Suite) -> Vec<String> {
    let each = |(name, properties)| of_machine(suite, name, properties);
    suite.of_type("AWS::Serverless::StateMachine").flat_map(each).collect()
}

fn of_machine(suite: &Suite, resource: &str, properties: &Value) -> Vec<String> {
    let name = properties["Name"].as_str().unwrap_or_default();
    let Some(definition) = suite.definitions.get(name) else {
        return vec![format!("{resource} is named {name:?}, but there is no statemachines/{name}: mend its Name")];
    };
    let role_name = properties["Role"]["Fn::GetAtt"][0].as_str().unwrap_or_default();
    let role = &suite.template["Resources"][role_name]["Properties"];
    let grants = policy::of_role(role);
    let needs = needs(&definition.text, &definition.json);
    let mut problems: Vec<String> = needs
        .iter()
        .filter(|need| !grants.iter().any(|grant| satisfies(grant, need)))
        .map(|need| missing(role_name, name, need))
        .collect();
    let unused = grants.iter().filter(|grant| !needs.iter().any(|need| satisfies(grant, need)));
    problems.extend(unused.map(|grant| {
        format!("{role_name} allows {} on {}, which no state of {name} does: remove it", grant.action, grant.resource)
    }));
    problems.extend(shared(role_name, properties, role));
    problems
}

fn missing(role: &str, machine: &str, need: &Need) -> String {
    let resource = need.resource.as_ref().map_or_else(|| "what it acts on".to_owned(), Value::to_string);
    format!("{role} does not allow {}, which a state of {machine} does: allow it on {resource}", need.action)
}

/// Traces and logs are written with policies that all roles share.
fn shared(name: &str, machine: &Value, role: &Value) -> Vec<String> {
    let has = |policy: &str| policy::list(&role["ManagedPolicyArns"]).contains(&json!({"Ref": policy}));
    let wanted = [
        (machine["Tracing"]["Enabled"] == true, "TracingPolicy", "Tracing"),
        (machine.get("Logging").is_some(), "DeliveryPolicy", "Logging"),
    ];
    let lacking = wanted.into_iter().filter(|(on, policy, _)| *on && !has(policy));
    lacking.map(|(_, policy, why)| format!("{name} has no {policy}, which {why} needs: add !Ref {policy}")).collect()
}

fn satisfies(grant: &Grant, need: &Need) -> bool {
    grant.action == need.action && need.resource.as_ref().is_none_or(|resource| grant.resource == *resource)
}

/// What the states of a definition do.
fn needs(text: &str, definition: &Value) -> Vec<Need> {
    let mut needs = Vec::new();
    for function in placeholders(text).into_iter().filter_map(|name| name.strip_suffix("FunctionArn")) {
        add(&mut needs, on("lambda:InvokeFunction", &arn(&format!("{function}Function"))));
    }
    tasks(definition, &mut |task| of_task(task, &mut needs));
    needs
}

/// Adds what is not known yet.
fn add(needs: &mut Vec<Need>, need: Need) {
    if !needs.contains(&need) {
        needs.push(need);
    }
}

fn tasks(node: &Value, visit: &mut dyn FnMut(&Value)) {
    match node {
        Value::Object(fields) => {
            if node["Type"] == "Task" {
                visit(node);
            }
            fields.values().for_each(|field| tasks(field, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| tasks(item, visit)),
        _ => {}
    }
}

fn of_task(task: &Value, needs: &mut Vec<Need>) {
    let resource = task["Resource"].as_str().unwrap_or_default();
    // Functions are known by their placeholders; an activity needs no right of the state machine.
    let Some(integration) = resource.strip_prefix("arn:aws:states:::") else { return };
    let integration = integration.strip_prefix("aws-sdk:").unwrap_or(integration);
    let Some((service, operation)) = integration.split_once(':') else { return };
    let (operation, pattern) = operation.split_once('.').unwrap_or((operation, ""));
    let arguments = task["Arguments"].to_string();
    match (service, operation) {
        ("lambda", "invoke") => {}
        ("states", "startExecution") => of_start(&arguments, pattern, needs),
        ("dynamodb", _) => {
            let table = placeholders(&arguments).into_iter().find_map(|name| name.strip_suffix("TableName"));
            let resource = table.map(|table| arn(&format!("{table}Table")));
            add(needs, Need { action: action(service, operation), resource });
        }
        _ => {
            add(needs, Need { action: action(service, operation), resource: None });
        }
    }
}

fn of_start(arguments: &str, pattern: &str, needs: &mut Vec<Need>) {
    for machine in placeholders(arguments).into_iter().filter_map(|name| name.strip_suffix("StateMachineArn")) {
        add(needs, on("states:StartExecution", &json!({"Ref": format!("{machine}StateMachine")})));
        if !pattern.starts_with("sync") {
            continue;
        }
        let region = "${AWS::Region}:${AWS::AccountId}";
        let runs = format!("arn:${{AWS::Partition}}:states:{region}:execution:{}:*", kebab(machine));
        let rule = "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule";
        let rule = format!("arn:${{AWS::Partition}}:events:{region}:{rule}");
        for action in ["states:DescribeExecution", "states:StopExecution"] {
            add(needs, on(action, &json!({"Fn::Sub": runs})));
        }
        for action in ["events:DescribeRule", "events:PutRule", "events:PutTargets"] {
            add(needs, on(action, &json!({"Fn::Sub": rule})));
        }
    }
}

fn on(action: &str, resource: &Value) -> Need {
    Need { action: action.to_owned(), resource: Some(resource.clone()) }
}

fn arn(resource: &str) -> Value {
    json!({"Fn::GetAtt": [resource, "Arn"]})
}

/// The IAM action of an integration's operation: services whose IAM prefix is another are named here.
fn action(service: &str, operation: &str) -> String {
    let prefix = match service {
        "cloudwatchlogs" => "logs",
        "costexplorer" => "ce",
        "elasticloadbalancingv2" => "elasticloadbalancing",
        "sfn" => "states",
        other => other,
    };
    format!("{prefix}:{}", pascal(operation))
}

/// The names in `${...}`, in order.
pub(crate) fn placeholders(text: &str) -> Vec<&str> {
    let parts = text.split("${").skip(1);
    parts.filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).collect()
}

/// `IncidentScaleUp` as a name: `incident-scale-up`.
pub(crate) fn kebab(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrations_say_what_they_need() {
        let definition = json!({"States": {
            "A": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken",
                "Arguments": {"TableName": "${StateTableName}"}},
            "B": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:costexplorer:getCostAndUsage"},
            "C": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Arguments": {"StateMachineArn": "${CircuitBreakerStateMachineArn}"}},
            "D": {"Type": "Task", "Resource": "${RecoveryWatcherActivityArn}"},
            "E": {"Type": "Task", "Resource": "${IncidentAssessFunctionArn}"}}});
        let needs = needs(&definition.to_string(), &definition);
        let mut actions: Vec<&str> = needs.iter().map(|need| need.action.as_str()).collect();
        actions.sort_unstable();
        let expected = ["ce:GetCostAndUsage", "dynamodb:PutItem", "events:DescribeRule", "events:PutRule"];
        assert_eq!(actions[..4], expected);
        assert_eq!(actions.len(), 9);
        let stop = needs.iter().find(|need| need.action == "states:StopExecution").unwrap();
        assert!(stop.resource.as_ref().unwrap().to_string().contains("execution:circuit-breaker:*"));
    }
}

//! The AppSpec of a deployment to ECS, in JSON or in the plain block style of YAML.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{EVENTS, OWN_EVENTS};

/// What an AppSpec asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppSpec {
    /// Task definition ARN.
    pub(crate) task_definition: String,
    /// The container behind the load balancer.
    pub(crate) container: String,
    /// Its port.
    pub(crate) port: i64,
    /// Lambda function names by lifecycle event.
    pub(crate) hooks: BTreeMap<String, String>,
}

impl AppSpec {
    /// Reads an AppSpec; the error says what is wrong in it.
    pub(crate) fn parse(content: &str) -> Result<Self, String> {
        let document = match serde_json::from_str::<Value>(content) {
            Ok(document) => document,
            Err(_) => yaml(content)?,
        };
        let service = document["Resources"].as_array().and_then(|resources| resources.first());
        let service = service.and_then(Value::as_object).and_then(|resource| resource.values().next());
        let service = service.ok_or("The AppSpec has no Resources")?;
        if service["Type"] != "AWS::ECS::Service" {
            return Err("The AppSpec's Type must be AWS::ECS::Service".to_owned());
        }
        let properties = &service["Properties"];
        let text = |value: &Value, name: &str| {
            let found = value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
            found.ok_or_else(|| format!("The AppSpec file is missing the {name}"))
        };
        let balancer = &properties["LoadBalancerInfo"];
        let port = &balancer["ContainerPort"];
        let port = port.as_i64().or_else(|| port.as_str()?.parse().ok());
        Ok(Self {
            task_definition: text(&properties["TaskDefinition"], "TaskDefinition")?,
            container: text(&balancer["ContainerName"], "ContainerName")?,
            port: port.ok_or("The AppSpec file is missing the ContainerPort")?,
            hooks: hooks(&document["Hooks"])?,
        })
    }
}

fn hooks(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let mut hooks = BTreeMap::new();
    for (event, function) in value.as_array().into_iter().flatten().filter_map(Value::as_object).flatten() {
        if !EVENTS.contains(&event.as_str()) || OWN_EVENTS.contains(&event.as_str()) {
            return Err(format!("{event} is no lifecycle event with a hook"));
        }
        let function = function.as_str().unwrap_or_default();
        let name = function.rsplit(":function:").next().unwrap_or(function);
        if name.is_empty() {
            return Err(format!("The hook of {event} has no Lambda function"));
        }
        hooks.insert(event.clone(), name.to_owned());
    }
    Ok(hooks)
}

/// A line of YAML: indentation, whether it begins a list element, key, value.
struct Line<'a> {
    indent: usize,
    element: bool,
    key: &'a str,
    value: &'a str,
}

/// Reads mappings and lists of mappings in block style, which is all that AppSpecs use.
fn yaml(content: &str) -> Result<Value, String> {
    let lines = content.lines().filter(|line| {
        let text = line.trim();
        !(text.is_empty() || text.starts_with('#') || text == "---")
    });
    let lines: Vec<Line<'_>> = lines.map(line).collect::<Result<_, _>>()?;
    let mut at = 0;
    let value = block(&lines, &mut at, 0)?;
    if at == lines.len() { Ok(value) } else { Err("The AppSpec's indentation is not even".to_owned()) }
}

fn line(text: &str) -> Result<Line<'_>, String> {
    let trimmed = text.trim_start();
    let mut indent = text.len() - trimmed.len();
    let rest = trimmed.strip_prefix("- ");
    if let Some(rest) = rest {
        indent += 2 + (rest.len() - rest.trim_start().len());
    }
    let body = rest.unwrap_or(trimmed).trim();
    let problem = || format!("The AppSpec is neither JSON nor YAML of the form 'key: value': {}", text.trim());
    let (key, value) = body.split_once(':').ok_or_else(problem)?;
    Ok(Line { indent, element: rest.is_some(), key: unquoted(key), value: value.trim() })
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// The mapping or list whose lines are indented by at least `indent`.
fn block(lines: &[Line<'_>], at: &mut usize, indent: usize) -> Result<Value, String> {
    let Some(first) = lines.get(*at).filter(|line| line.indent >= indent) else { return Ok(Value::Null) };
    let (depth, list) = (first.indent, first.element);
    let mut elements: Vec<Map<String, Value>> = vec![Map::new()];
    let mut begun = false;
    while let Some(line) = lines.get(*at).filter(|line| line.indent == depth) {
        if line.element && !list {
            break;
        }
        if line.element && begun {
            elements.push(Map::new());
        }
        begun = true;
        *at += 1;
        let value = if line.value.is_empty() {
            block(lines, at, depth + usize::from(!next_is_list(lines, *at, depth)))?
        } else {
            Value::String(unquoted(line.value).to_owned())
        };
        if let Some(element) = elements.last_mut() {
            element.insert(line.key.to_owned(), value);
        }
    }
    let mut elements = elements.into_iter().map(Value::Object);
    Ok(if list { Value::Array(elements.collect()) } else { elements.next().unwrap_or_default() })
}

/// A list may stand as deep as the key that it belongs to.
fn next_is_list(lines: &[Line<'_>], at: usize, depth: usize) -> bool {
    lines.get(at).is_some_and(|line| line.element && line.indent >= depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = r#"
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: "arn:aws:ecs:us-east-1:1:task-definition/orders:88"
        LoadBalancerInfo:
          ContainerName: 'orders'
          ContainerPort: 8080
Hooks:
  - BeforeInstall: "validate-before-install"
  - AfterAllowTraffic: arn:aws:lambda:us-east-1:1:function:validate-production
"#;

    #[test]
    fn yaml_and_json_say_the_same() {
        let json = serde_json::json!({
            "version": 0.0,
            "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
                "TaskDefinition": "arn:aws:ecs:us-east-1:1:task-definition/orders:88",
                "LoadBalancerInfo": {"ContainerName": "orders", "ContainerPort": 8080}}}}],
            "Hooks": [{"BeforeInstall": "validate-before-install"}, {"AfterAllowTraffic": "validate-production"}],
        });
        let spec = AppSpec::parse(&json.to_string()).unwrap();
        assert_eq!(AppSpec::parse(YAML).unwrap(), spec);
        assert_eq!((spec.container.as_str(), spec.port, spec.hooks.len()), ("orders", 8080, 2));
        let flat = YAML.replace("\n  - ", "\n- ");
        assert_eq!(AppSpec::parse(&flat).unwrap(), spec, "lists may stand at their key's depth");
    }

    #[test]
    fn what_is_wrong_in_an_appspec_is_said() {
        let bad = |from: &str, to: &str| AppSpec::parse(&YAML.replace(from, to)).unwrap_err();
        assert!(bad("AWS::ECS::Service", "AWS::Lambda::Function").contains("Type"));
        assert!(bad("TaskDefinition", "Definition").contains("TaskDefinition"));
        assert!(bad("BeforeInstall", "Install").contains("Install is no lifecycle event with a hook"));
        assert!(AppSpec::parse("nonsense").unwrap_err().contains("neither JSON nor YAML"));
    }
}

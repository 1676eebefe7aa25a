//! CloudFormation's YAML as JSON: the short forms of functions (`!Ref`, `!Sub`) become their long ones.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use crate::failure::{During, Failure};

/// Reads a template; `name` is what a failure calls it.
pub(crate) fn read(name: &str, text: &str) -> Result<Value, Failure> {
    let documents = Yaml::load_from_str(text).during(|| format!("{name} is not YAML"))?;
    match documents.as_slice() {
        [document] => convert(name, document),
        _ => Err(Failure::new(format!("{name} must be one YAML document"))),
    }
}

fn convert(name: &str, node: &Yaml<'_>) -> Result<Value, Failure> {
    Ok(match node {
        Yaml::Value(scalar) => plain(scalar),
        Yaml::Sequence(items) => items.iter().map(|item| convert(name, item)).collect::<Result<_, _>>()?,
        Yaml::Mapping(fields) => {
            let mut object = Map::new();
            for (key, value) in fields {
                let Value::String(key) = text(convert(name, key)?) else {
                    return Err(Failure::new(format!("{name}: a key is no text: write it as one")));
                };
                object.insert(key, convert(name, value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, inner) => function(&tag.suffix, convert(name, inner)?),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => {
            return Err(Failure::new(format!("{name}: anchors and aliases are not read: write the value out")));
        }
    })
}

fn plain(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => json!(value),
        Scalar::Integer(value) => json!(value),
        Scalar::FloatingPoint(value) => json!(value.into_inner()),
        Scalar::String(value) => json!(value),
    }
}

/// A key that YAML takes for a number or a flag, as the text that it is in a template.
fn text(key: Value) -> Value {
    match key {
        Value::Number(_) | Value::Bool(_) => Value::String(key.to_string()),
        other => other,
    }
}

/// The long form of `!Name argument`.
fn function(name: &str, argument: Value) -> Value {
    match (name, &argument) {
        ("Ref" | "Condition", _) => json!({name: argument}),
        ("GetAtt", Value::String(path)) => json!({"Fn::GetAtt": path.splitn(2, '.').collect::<Vec<_>>()}),
        _ => json!({format!("Fn::{name}"): argument}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long_ones() {
        let text = "A: !Ref B\nC: !GetAtt D.Arn\nE: !If [F, !Sub '${G}', !Ref AWS::NoValue]\nH: '1'\nI: 2\nJ: on\n";
        let expected = json!({"A": {"Ref": "B"}, "C": {"Fn::GetAtt": ["D", "Arn"]},
            "E": {"Fn::If": ["F", {"Fn::Sub": "${G}"}, {"Ref": "AWS::NoValue"}]}, "H": "1", "I": 2, "J": "on"});
        assert_eq!(read("t", text).unwrap(), expected);
    }

    #[test]
    fn a_text_that_is_no_yaml_names_its_file() {
        let failure = read("infra/aws/template.yaml", "a: [").unwrap_err().to_string();
        assert!(failure.starts_with("infra/aws/template.yaml is not YAML: "), "{failure}");
    }
}

//! A request body as a form: `application/x-www-form-urlencoded`, with AWS's forms of arrays.

use asl::Value;

use crate::aws::encode;

/// How arrays are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrays {
    /// `a[0]=x&a[1]=y`
    Indices,
    /// `a=x&a=y`
    Repeat,
    /// `a=x,y`
    Commas,
    /// `a[]=x&a[]=y`
    Brackets,
}

impl Arrays {
    /// The form that a definition calls so.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "INDICES" => Self::Indices,
            "REPEAT" => Self::Repeat,
            "COMMAS" => Self::Commas,
            "BRACKETS" => Self::Brackets,
            _ => return None,
        })
    }
}

/// A body as a form. Members of objects inside are named `outer[inner]`.
pub(super) fn encoded(body: &Value, arrays: Arrays) -> String {
    let mut pairs = Vec::new();
    match body {
        Value::Object(members) => members.iter().for_each(|(name, value)| add(name, value, arrays, &mut pairs)),
        other => add("", other, arrays, &mut pairs),
    }
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

fn add(name: &str, value: &Value, arrays: Arrays, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(inner, value)| add(&format!("{name}[{inner}]"), value, arrays, pairs));
        }
        Value::Array(items) if arrays == Arrays::Commas => {
            let items: Vec<_> = items.iter().map(scalar).collect();
            pairs.push((name.to_owned(), items.join(",")));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = match arrays {
                    Arrays::Indices => format!("{name}[{index}]"),
                    Arrays::Brackets => format!("{name}[]"),
                    Arrays::Repeat | Arrays::Commas => name.to_owned(),
                };
                add(&name, item, arrays, pairs);
            }
        }
        scalar => pairs.push((name.to_owned(), self::scalar(scalar))),
    }
}

/// A text as it is, nothing for `null`, anything else as JSON.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_written_in_four_ways() {
        let body = Value::parse(r#"{"array":["a","b c"],"o":{"n":1,"l":[true,null]}}"#).unwrap();
        let written = |arrays| encoded(&body, arrays).replace("%5B", "[").replace("%5D", "]").replace("%2C", ",");
        assert_eq!(written(Arrays::Indices), "array[0]=a&array[1]=b%20c&o[n]=1&o[l][0]=true&o[l][1]=");
        assert_eq!(written(Arrays::Repeat), "array=a&array=b%20c&o[n]=1&o[l]=true&o[l]=");
        assert_eq!(written(Arrays::Commas), "array=a,b%20c&o[n]=1&o[l]=true,");
        assert_eq!(written(Arrays::Brackets), "array[]=a&array[]=b%20c&o[n]=1&o[l][]=true&o[l][]=");
        assert_eq!(encoded(&Value::parse(r#"{"a":{"b":"c"}}"#).unwrap(), Arrays::Indices), "a%5Bb%5D=c");
        assert_eq!((Arrays::named("COMMAS"), Arrays::named("commas")), (Some(Arrays::Commas), None));
    }
}

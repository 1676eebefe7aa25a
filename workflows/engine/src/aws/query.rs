//! The Query protocol: forms, answered in XML.

use asl::Value;

use super::transport::{Answer, Call};
use super::{CallError, Protocol, Reply, Service, xml};

/// Leading words that the wire spells in capitals where SDK integrations do not.
const CAPITALS: [(&str, &str, &str); 6] = [
    ("rds", "Db", "DB"),
    ("rds", "Ca", "CA"),
    ("elasticache", "Az", "AZ"),
    ("autoscaling", "Vpc", "VPC"),
    ("autoscaling", "Ebs", "EBS"),
    ("cloudformation", "Ur", "UR"),
];

/// Members that are maps: the name of each entry's key, and of its value.
const MAPS: [(&str, &str, &str); 2] = [("MessageAttributes", "Name", "Value"), ("Attributes", "key", "value")];

/// Items of lists that are not called like their list.
const ITEM_NAMES: [(&str, &str); 6] = [
    ("DBSecurityGroups", "DBSecurityGroupName"),
    ("CacheSecurityGroupNames", "CacheSecurityGroupName"),
    ("CacheNodeIdsToRemove", "CacheNodeId"),
    ("CacheNodeIdsToReboot", "CacheNodeId"),
    ("NodeGroupsToRemove", "NodeGroupToRemove"),
    ("NodeGroupsToRetain", "NodeGroupToRetain"),
];

/// The request that calls `action`.
pub(crate) fn request(service: &Service, action: &str, parameters: &Value) -> Call {
    let Protocol::Query { version, member } = service.protocol else { return Call::empty(service) };
    let mut fields = vec![("Action".to_owned(), action.to_owned()), ("Version".to_owned(), version.to_owned())];
    let flatten = Flatten { service: service.name, member };
    for (name, value) in parameters.as_object().into_iter().flatten() {
        flatten.add(&flatten.wire_name(name), value, &mut fields);
    }
    form(service, &fields)
}

/// The request that sends these fields.
pub(super) fn form(service: &Service, fields: &[(String, String)]) -> Call {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    Call {
        headers: vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())],
        body: pairs.collect::<Vec<_>>().join("&").into_bytes(),
        ..Call::empty(service)
    }
}

/// How one service's parameters become form fields.
struct Flatten {
    service: &'static str,
    member: bool,
}

impl Flatten {
    fn add(&self, path: &str, value: &Value, form: &mut Vec<(String, String)>) {
        let name = path.rsplit('.').next().unwrap_or(path);
        match value {
            Value::Null => {}
            Value::Array(items) if items.is_empty() => form.push((path.to_owned(), String::new())),
            Value::Array(items) => {
                let item_name = self.item_name(name);
                for (index, item) in items.iter().enumerate() {
                    self.add(&format!("{path}.{item_name}.{}", index + 1), item, form);
                }
            }
            Value::Object(members) => match MAPS.iter().find(|(map, ..)| *map == name) {
                Some((_, key_name, value_name)) => {
                    for (index, (key, value)) in members.iter().enumerate() {
                        let entry = format!("{path}.entry.{}", index + 1);
                        form.push((format!("{entry}.{key_name}"), key.to_string()));
                        self.add(&format!("{entry}.{value_name}"), value, form);
                    }
                }
                None => {
                    for (member, value) in members.iter() {
                        self.add(&format!("{path}.{}", self.wire_name(member)), value, form);
                    }
                }
            },
            Value::String(text) => form.push((path.to_owned(), text.to_string())),
            Value::Bool(_) | Value::Number(_) => form.push((path.to_owned(), value.to_string())),
        }
    }

    /// `DbInstanceIdentifier` → `DBInstanceIdentifier`; what is spelt as on the wire stays.
    fn wire_name(&self, name: &str) -> String {
        for (service, word, capitals) in CAPITALS {
            let rest = name.strip_prefix(word).filter(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
            if let Some(rest) = rest.filter(|_| service == self.service) {
                return format!("{capitals}{rest}");
            }
        }
        name.to_owned()
    }

    fn item_name(&self, list: &str) -> String {
        if self.member {
            return "member".to_owned();
        }
        if let Some((_, item)) = ITEM_NAMES.iter().find(|(of, _)| *of == list) {
            return (*item).to_owned();
        }
        singular(list)
    }
}

/// `Entries` → `Entry`; what is no plural stays.
pub(super) fn singular(list: &str) -> String {
    let stem = list.strip_suffix("ies").map(|stem| format!("{stem}y"));
    stem.unwrap_or_else(|| list.strip_suffix('s').unwrap_or(list).to_owned())
}

/// Percent-encoding of RFC 3986: all but letters, digits and `-._~`.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte as char),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// What the answer says.
pub(crate) fn reply(action: &str, answer: &Answer) -> Result<Reply, CallError> {
    let (root, request_id) = document(answer)?;
    let body = match root.child(&format!("{action}Result")) {
        Some(result) if !result.children.is_empty() => xml::value(result),
        _ => Value::Object(Default::default()),
    };
    Ok(Reply { status: answer.status, headers: answer.headers.clone(), request_id, body })
}

/// The root element of an answer and AWS's id of the request.
pub(super) fn document(answer: &Answer) -> Result<(xml::Element, String), CallError> {
    let text = String::from_utf8_lossy(&answer.body);
    let document = xml::parse(&text);
    let found = |name| document.as_ref().ok().and_then(|root| root.find(name));
    let in_body = ["RequestId", "RequestID", "requestId"].into_iter().find_map(found);
    let request_id = in_body.map_or_else(|| answer.request_id(), |id| id.text.clone());
    if !answer.is_success() {
        let error = found("Error");
        let said = |name| error.and_then(|error| error.child(name)).map(|child| child.text.clone()).unwrap_or_default();
        let (code, message) = (said("Code"), said("Message"));
        return Err(CallError::Service { status: answer.status, code, message, request_id });
    }
    let root = document.map_err(|error| CallError::Transport(format!("the answer is not XML: {error}")))?;
    Ok((root, request_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(service: &str, action: &str, parameters: &str) -> String {
        let call = request(Service::find(service).unwrap(), action, &Value::parse(parameters).unwrap());
        String::from_utf8(call.body).unwrap()
    }

    #[test]
    fn rds_names_its_items_and_its_capitals() {
        let parameters = r#"{"DbInstanceIdentifier":"orders db","Filters":[{"Name":"engine","Values":["postgres","x"]}],"ApplyImmediately":true,"None":null}"#;
        let expected = concat!(
            "Action=DescribeDBInstances&Version=2014-10-31&DBInstanceIdentifier=orders%20db&",
            "Filters.Filter.1.Name=engine&Filters.Filter.1.Values.Value.1=postgres&",
            "Filters.Filter.1.Values.Value.2=x&ApplyImmediately=true"
        );
        assert_eq!(form("rds", "DescribeDBInstances", parameters), expected);
    }

    #[test]
    fn sns_has_members_and_maps() {
        let parameters =
            r#"{"TopicArn":"t","MessageAttributes":{"a":{"DataType":"String","StringValue":"v"}},"TagKeys":["x"]}"#;
        let expected = concat!(
            "Action=Publish&Version=2010-03-31&TopicArn=t&MessageAttributes.entry.1.Name=a&",
            "MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=v&",
            "TagKeys.member.1=x"
        );
        assert_eq!(form("sns", "Publish", parameters), expected);
    }

    fn answered(status: u16, body: &str) -> Result<Reply, CallError> {
        let answer = Answer { status, headers: vec![], body: body.as_bytes().to_vec() };
        reply("Publish", &answer)
    }

    #[test]
    fn answers_and_failures_are_read() {
        let body = "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult>\
                    <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>";
        let reply = answered(200, body).unwrap();
        assert_eq!((reply.body.to_string().as_str(), reply.request_id.as_str()), (r#"{"MessageId":"m"}"#, "r"));
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message>\
                    </Error><RequestId>q</RequestId></ErrorResponse>";
        let expected = CallError::Service {
            status: 404,
            code: "NotFound".to_owned(),
            message: "Topic does not exist".to_owned(),
            request_id: "q".to_owned(),
        };
        assert_eq!(answered(404, body).unwrap_err(), expected);
        assert_eq!(answered(200, "<PublishResponse/>").unwrap().body.to_string(), "{}");
        assert!(matches!(answered(200, "no"), Err(CallError::Transport(_))));
    }
}

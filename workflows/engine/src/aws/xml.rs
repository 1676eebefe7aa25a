//! XML answers of the Query protocol as JSON.
//!
//! XML has neither lists nor types, and there is no model of the services here. A list is an element whose children
//! are all called `member`, or the singular of their parent's name, or what the table says; the types of texts follow
//! from the names of their elements.

use asl::Value;
use quick_xml::Reader;
use quick_xml::events::Event;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) children: Vec<Element>,
    pub(crate) text: String,
}

impl Element {
    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first element of this name, at any depth.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        let mut found = self.children.iter().find(|child| child.name == name);
        for child in &self.children {
            found = found.or_else(|| child.find(name));
        }
        found
    }
}

/// Elements nested deeper than this are refused.
const MAX_DEPTH: usize = 128;

/// Reads a document's root element.
///
/// # Errors
/// It is not well-formed.
pub(crate) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                let name = start.local_name().as_ref().to_owned();
                open.push(Element { name, ..Element::default() });
                if open.len() > MAX_DEPTH {
                    return Err(format!("elements nest deeper than {MAX_DEPTH} levels"));
                }
            }
            Event::Empty(empty) => {
                let name = empty.local_name().as_ref().to_owned();
                close(&mut open, Element { name, ..Element::default() });
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(&mut open, element);
                }
            }
            Event::Text(text) => append(&mut open, &text.xml10_content()),
            Event::CData(text) => append(&mut open, &text.xml10_content()),
            Event::GeneralRef(entity) => {
                let character = entity.resolve_char_ref().map_err(|error| error.to_string())?;
                let name = entity.xml10_content();
                let text = character.map(String::from).or_else(|| named_entity(&name).map(ToOwned::to_owned));
                append(&mut open, &text.ok_or_else(|| format!("unknown entity &{name};"))?);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let root = open.pop().filter(|_| open.is_empty()).and_then(|document| document.children.into_iter().next());
    root.ok_or_else(|| "no root element".to_owned())
}

fn close(open: &mut [Element], element: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(element);
    }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn named_entity(name: &str) -> Option<&'static str> {
    Some(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}

/// Children of lists that are not called like their list.
const ITEM_NAMES: [(&str, &str); 7] = [
    ("VpcSecurityGroups", "VpcSecurityGroupMembership"),
    ("MemberClusters", "ClusterId"),
    ("OptionGroupMemberships", "OptionGroupMembership"),
    ("ReadReplicaDBInstanceIdentifiers", "ReadReplicaDBInstanceIdentifier"),
    ("DBClusterMembers", "DBClusterMember"),
    ("DomainMemberships", "DomainMembership"),
    ("AssociatedRoles", "DBInstanceRole"),
];

/// Lists that may come empty: then nothing else shows that they are lists.
const LISTS: [&str; 23] = [
    "Alarms",
    "AlarmHistoryItems",
    "AutoScalingGroups",
    "CacheClusters",
    "CacheNodes",
    "CompositeAlarms",
    "DBClusters",
    "DBInstances",
    "DBParameterGroups",
    "DBSnapshots",
    "Datapoints",
    "Events",
    "LoadBalancers",
    "MetricAlarms",
    "MetricDataResults",
    "Metrics",
    "ReplicationGroups",
    "Subscriptions",
    "Tags",
    "TargetGroups",
    "TargetHealthDescriptions",
    "Topics",
    "Values",
];

/// Elements whose text is a whole number.
const INTEGERS: [&str; 34] = [
    "AllocatedStorage",
    "BackupRetentionPeriod",
    "DatapointsToAlarm",
    "DbInstancePort",
    "DefaultCooldown",
    "DesiredCapacity",
    "DurationSeconds",
    "EvaluationPeriods",
    "HealthCheckGracePeriod",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "Iops",
    "MaxAllocatedStorage",
    "MaxRecords",
    "MaxSessionDuration",
    "MaxSize",
    "MinSize",
    "MonitoringInterval",
    "NumCacheNodes",
    "NumNodeGroups",
    "NumberOfDecreaseReplicas",
    "PercentProgress",
    "Period",
    "Port",
    "PromotionTier",
    "ReplicaCount",
    "ReplicasPerNodeGroup",
    "SnapshotRetentionLimit",
    "StorageThroughput",
    "SuccessCount",
    "UnhealthyThresholdCount",
    "Weight",
    "CertificateValidityDays",
];

/// Elements whose text is a number.
const NUMBERS: [&str; 8] =
    ["Average", "Maximum", "Minimum", "SampleCount", "Sum", "Threshold", "Values", "ProgressPercentage"];

/// Elements whose text stays text, even where it looks like a truth value.
const TEXTS: [&str; 4] = ["Value", "ParameterValue", "Key", "Message"];

/// The element's content as JSON, names as SDK integrations spell them.
pub(crate) fn value(element: &Element) -> Value {
    typed(element, &element.name)
}

fn typed(element: &Element, name: &str) -> Value {
    if is_list(element) {
        return Value::array(element.children.iter().map(|item| typed(item, name)).collect());
    }
    if is_map(element) {
        let entries = element.children.iter().filter_map(|entry| {
            let key = entry.child("key").or_else(|| entry.child("Name"))?;
            let value = entry.child("value").or_else(|| entry.child("Value"))?;
            Some((key.text.as_str(), typed(value, "Value")))
        });
        return Value::object(entries);
    }
    if element.children.is_empty() {
        return scalar(&element.text, name);
    }
    Value::object(element.children.iter().map(|child| (sdk_name(&child.name), value(child))))
}

fn is_list(element: &Element) -> bool {
    let Some(first) = element.children.first() else { return LISTS.contains(&element.name.as_str()) };
    if element.children.iter().any(|child| child.name != first.name) {
        return false;
    }
    let singular = element.name.strip_suffix("ies").map(|stem| format!("{stem}y"));
    let singular = singular.or_else(|| element.name.strip_suffix('s').map(ToOwned::to_owned));
    first.name == "member"
        || singular.is_some_and(|singular| first.name == singular)
        || ITEM_NAMES.contains(&(element.name.as_str(), first.name.as_str()))
}

fn is_map(element: &Element) -> bool {
    !element.children.is_empty() && element.children.iter().all(|child| child.name == "entry")
}

fn scalar(text: &str, name: &str) -> Value {
    let number = if INTEGERS.contains(&name) {
        text.parse::<i64>().ok().map(Value::from)
    } else if NUMBERS.contains(&name) {
        text.parse::<f64>().ok().map(Value::from)
    } else {
        None
    };
    match (number, text) {
        (Some(number), _) => number,
        (None, "true") if !TEXTS.contains(&name) => Value::from(true),
        (None, "false") if !TEXTS.contains(&name) => Value::from(false),
        (None, text) => Value::from(text),
    }
}

/// How the Java SDK, and with it an SDK integration, spells a member: of leading capitals all but the first become
/// small, `DBInstanceStatus` → `DbInstanceStatus`.
pub(crate) fn sdk_name(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let is_small = |at: usize| characters.get(at).is_some_and(char::is_ascii_lowercase);
    let mut end = 1;
    while characters.get(end).is_some_and(char::is_ascii_uppercase) && !is_small(end + 1) {
        end += 1;
    }
    let spell = |(at, character): (usize, &char)| {
        if at > 0 && at < end { character.to_ascii_lowercase() } else { *character }
    };
    characters.iter().enumerate().map(spell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_capitals_are_spelt_as_the_sdk_does() {
        let cases = [
            ("DBInstances", "DbInstances"),
            ("DBInstanceStatus", "DbInstanceStatus"),
            ("CACertificateIdentifier", "CaCertificateIdentifier"),
            ("TargetGroupArn", "TargetGroupArn"),
            ("MD5OfMessageBody", "Md5OfMessageBody"),
            ("ETag", "ETag"),
            ("MultiAZ", "MultiAZ"),
            ("", ""),
            ("ID", "Id"),
        ];
        for (wire, sdk) in cases {
            assert_eq!(sdk_name(wire), sdk);
        }
    }

    #[test]
    fn an_answer_of_rds_becomes_json() {
        let text = r#"<?xml version="1.0"?>
            <DescribeDBInstancesResult><DBInstances><DBInstance>
              <DBInstanceIdentifier>orders-db</DBInstanceIdentifier><MultiAZ>true</MultiAZ><EngineVersion>16.4</EngineVersion>
              <AllocatedStorage>100</AllocatedStorage><Endpoint><Address>a&amp;b</Address><Port>5432</Port></Endpoint>
              <VpcSecurityGroups><VpcSecurityGroupMembership><Status>active</Status></VpcSecurityGroupMembership></VpcSecurityGroups>
            </DBInstance></DBInstances></DescribeDBInstancesResult>"#;
        let expected = concat!(
            r#"{"DbInstances":[{"DbInstanceIdentifier":"orders-db","MultiAZ":true,"EngineVersion":"16.4","#,
            r#""AllocatedStorage":100,"Endpoint":{"Address":"a&b","Port":5432},"#,
            r#""VpcSecurityGroups":[{"Status":"active"}]}]}"#
        );
        assert_eq!(value(&parse(text).unwrap()).to_string(), expected);
    }

    #[test]
    fn members_maps_and_empty_lists_are_told_apart() {
        let text = "<R><Datapoints/><Topics><member><TopicArn>t</TopicArn></member></Topics>\
                    <Attributes><entry><key>FifoTopic</key><value>true</value></entry></Attributes>\
                    <Values><member>1.5</member><member>2</member></Values><Label/></R>";
        let expected = concat!(
            r#"{"Datapoints":[],"Topics":[{"TopicArn":"t"}],"Attributes":{"FifoTopic":"true"},"#,
            r#""Values":[1.5,2.0],"Label":""}"#
        );
        assert_eq!(value(&parse(text).unwrap()).to_string(), expected);
    }

    #[test]
    fn text_that_is_not_xml_is_refused() {
        for text in ["", "plain", "<a><b></a>", "<a>&unknown;</a>", &"<a>".repeat(200)] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

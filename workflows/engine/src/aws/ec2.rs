//! EC2's own dialect of the Query protocol: lists without a name between, answers without a result around.
//!
//! There is no model of the service here: what a list holds, what the SDK calls it, and which texts are numbers follow
//! from names, and from the tables below where names do not tell. The tables are those of EC2's public API model, as
//! far as instances, images, volumes, zones and networks go.

use asl::Value;

use super::json::capitalise;
use super::query::{form, singular};
use super::transport::{Answer, Call};
use super::xml::Element;
use super::{CallError, Reply, Service, query};

/// Lists in requests that are not called after what is in them.
const REQUEST_NAMES: [(&str, &str); 7] = [
    ("ExecutableUsers", "ExecutableBy"),
    ("IpPermissions", "IpPermissions"),
    ("IpRanges", "IpRanges"),
    ("Ipv6Ranges", "Ipv6Ranges"),
    ("PrefixListIds", "PrefixListIds"),
    ("Resources", "ResourceId"),
    ("UserIdGroupPairs", "Groups"),
];

/// Lists in answers whose name the SDK does not derive from the wire's.
const LISTS: [(&str, &str); 11] = [
    ("availabilityZoneInfo", "AvailabilityZones"),
    ("cidrBlockAssociationSet", "CidrBlockAssociationSet"),
    ("geographySet", "Geography"),
    ("groups", "UserIdGroupPairs"),
    ("ipPermissionsEgress", "IpPermissionsEgress"),
    ("ipv6CidrBlockAssociationSet", "Ipv6CidrBlockAssociationSet"),
    ("keySet", "KeyPairs"),
    ("regionInfo", "Regions"),
    ("securityGroupInfo", "SecurityGroups"),
    ("subGeographySet", "SubGeography"),
    ("volumeModificationSet", "VolumesModifications"),
];

/// Lists in answers that may come empty and are not called a set: then nothing else shows that they are lists.
const MAYBE_EMPTY: [&str; 9] = [
    "availabilityZoneInfo",
    "blockDeviceMapping",
    "groups",
    "ipPermissions",
    "ipPermissionsEgress",
    "ipRanges",
    "ipv6Ranges",
    "prefixListIds",
    "securityGroupInfo",
];

/// Members that the SDK calls otherwise within this parent: a list, a structure, or the whole answer.
const WITHIN: [(&str, &str, &str); 18] = [
    ("StartInstancesResponse", "instancesSet", "StartingInstances"),
    ("StopInstancesResponse", "instancesSet", "StoppingInstances"),
    ("TerminateInstancesResponse", "instancesSet", "TerminatingInstances"),
    ("attachmentSet", "status", "State"),
    ("availabilityZoneInfo", "zoneState", "State"),
    ("imagesSet", "imageOwnerId", "OwnerId"),
    ("imagesSet", "imageState", "State"),
    ("imagesSet", "isPublic", "Public"),
    ("instancesSet", "dnsName", "PublicDnsName"),
    ("instancesSet", "groupSet", "SecurityGroups"),
    ("instancesSet", "instanceState", "State"),
    ("instancesSet", "ipAddress", "PublicIpAddress"),
    ("instancesSet", "reason", "StateTransitionReason"),
    ("networkInterfaceSet", "tagSet", "TagSet"),
    ("productCodes", "productCode", "ProductCodeId"),
    ("productCodes", "type", "ProductCodeType"),
    ("securityGroupInfo", "groupDescription", "Description"),
    ("volumeSet", "status", "State"),
];

/// Ends of the names of elements whose text is a whole number.
const INTEGER_ENDS: [&str; 13] = [
    "Code",
    "Count",
    "HopLimit",
    "Index",
    "InitializationRate",
    "Iops",
    "PartitionNumber",
    "Port",
    "RuleNumber",
    "Size",
    "ThreadsPerCore",
    "Throughput",
    "Timeout",
];

/// The request that calls `action`.
pub(crate) fn request(service: &Service, action: &str, version: &str, parameters: &Value) -> Call {
    let mut fields = vec![("Action".to_owned(), action.to_owned()), ("Version".to_owned(), version.to_owned())];
    for (name, value) in parameters.as_object().into_iter().flatten() {
        flatten(&request_name(name, value), value, &mut fields);
    }
    form(service, &fields)
}

fn flatten(path: &str, value: &Value, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&format!("{path}.{}", index + 1), item, fields);
            }
        }
        Value::Object(members) => {
            for (name, value) in members.iter() {
                flatten(&format!("{path}.{}", request_name(name, value)), value, fields);
            }
        }
        Value::String(text) => fields.push((path.to_owned(), text.to_string())),
        Value::Bool(_) | Value::Number(_) => fields.push((path.to_owned(), value.to_string())),
    }
}

/// `SubnetIds` → `SubnetId` where it is a list; all else keeps its name.
fn request_name(name: &str, value: &Value) -> String {
    if !matches!(value, Value::Array(_)) {
        return name.to_owned();
    }
    let known = REQUEST_NAMES.iter().find(|(list, _)| *list == name);
    known.map_or_else(|| singular(name), |(_, wire)| (*wire).to_owned())
}

/// What the answer says.
pub(crate) fn reply(answer: &Answer) -> Result<Reply, CallError> {
    let (root, request_id) = query::document(answer)?;
    let members = root.children.iter().filter(|child| child.name != "requestId");
    let body = Value::object(members.map(|child| (sdk_name(child, &root.name), value(child))));
    Ok(Reply { status: answer.status, headers: answer.headers.clone(), request_id, body })
}

fn value(element: &Element) -> Value {
    if is_list(element) {
        return Value::array(element.children.iter().map(|item| members(item, &element.name)).collect());
    }
    members(element, &element.name)
}

/// The element's content, which stands within `parent`.
fn members(element: &Element, parent: &str) -> Value {
    if element.children.is_empty() {
        return scalar(&element.text, &element.name);
    }
    Value::object(element.children.iter().map(|child| (sdk_name(child, parent), value(child))))
}

fn is_list(element: &Element) -> bool {
    match element.children.first() {
        Some(_) => element.children.iter().all(|child| child.name == "item"),
        None => element.name.ends_with("Set") || MAYBE_EMPTY.contains(&element.name.as_str()),
    }
}

fn sdk_name(element: &Element, parent: &str) -> String {
    let name = element.name.as_str();
    if let Some((.., sdk)) = WITHIN.iter().find(|(within, wire, _)| *within == parent && *wire == name) {
        return (*sdk).to_owned();
    }
    if !is_list(element) {
        return capitalise(name);
    }
    let known = LISTS.iter().find(|(wire, _)| *wire == name);
    known.map_or_else(|| plural(&capitalise(name.strip_suffix("Set").unwrap_or(name))), |(_, sdk)| (*sdk).to_owned())
}

/// `NatGatewayAddress` → `NatGatewayAddresses`; what is a plural stays.
fn plural(name: &str) -> String {
    if ["ss", "us", "x"].iter().any(|end| name.ends_with(end)) {
        return format!("{name}es");
    }
    match name.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if name.ends_with('s') => name.to_owned(),
        _ => format!("{name}s"),
    }
}

fn scalar(text: &str, name: &str) -> Value {
    let name = capitalise(name);
    if INTEGER_ENDS.iter().any(|end| name.ends_with(end))
        && let Ok(number) = text.parse::<i64>()
    {
        return Value::from(number);
    }
    match text {
        // A tag's value is a text, whatever it looks like.
        "true" | "false" if !["Key", "Value"].contains(&name.as_str()) => Value::from(text == "true"),
        text => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(action: &str, parameters: &str) -> String {
        let service = Service::find("ec2").unwrap();
        let call = request(service, action, "2016-11-15", &Value::parse(parameters).unwrap());
        String::from_utf8(call.body).unwrap()
    }

    fn body(text: &str) -> String {
        let answer = Answer { status: 200, headers: vec![], body: text.as_bytes().to_vec() };
        reply(&answer).unwrap().body.to_string()
    }

    #[test]
    fn lists_stand_flat_under_the_names_of_their_items() {
        let parameters = r#"{"SubnetIds":["subnet-1","subnet-2"],"Filters":[{"Name":"vpc-id","Values":["a","b"]}],
            "DryRun":false,"MaxResults":5,"NextToken":null,"Owners":[]}"#;
        let expected = "Action=DescribeSubnets&Version=2016-11-15&SubnetId.1=subnet-1&SubnetId.2=subnet-2&\
                        Filter.1.Name=vpc-id&Filter.1.Value.1=a&Filter.1.Value.2=b&DryRun=false&MaxResults=5";
        assert_eq!(sent("DescribeSubnets", parameters), expected);
        let parameters = r#"{"Resources":["i-1"],"Tags":[{"Key":"k","Value":"v"}],
            "IpPermissions":[{"FromPort":80,"UserIdGroupPairs":[{"GroupId":"sg"}],"IpRanges":[{"CidrIp":"::/0"}]}]}"#;
        let expected = "Action=X&Version=2016-11-15&ResourceId.1=i-1&Tag.1.Key=k&Tag.1.Value=v&\
                        IpPermissions.1.FromPort=80&IpPermissions.1.Groups.1.GroupId=sg&\
                        IpPermissions.1.IpRanges.1.CidrIp=%3A%3A%2F0";
        assert_eq!(sent("X", parameters), expected);
    }

    #[test]
    fn subnets_come_back_as_the_sdk_shows_them() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <DescribeSubnetsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>
            <subnetSet><item><subnetId>subnet-1</subnetId><availableIpAddressCount>123</availableIpAddressCount>
              <ownerId>123456789012</ownerId><defaultForAz>true</defaultForAz><ipv6CidrBlockAssociationSet/>
              <tagSet><item><key>public</key><value>true</value></item></tagSet>
              <privateDnsNameOptionsOnLaunch><hostnameType>ip-name</hostnameType></privateDnsNameOptionsOnLaunch>
            </item></subnetSet></DescribeSubnetsResponse>"#;
        let expected = concat!(
            r#"{"Subnets":[{"SubnetId":"subnet-1","AvailableIpAddressCount":123,"OwnerId":"123456789012","#,
            r#""DefaultForAz":true,"Ipv6CidrBlockAssociationSet":[],"Tags":[{"Key":"public","Value":"true"}],"#,
            r#""PrivateDnsNameOptionsOnLaunch":{"HostnameType":"ip-name"}}]}"#
        );
        assert_eq!(body(text), expected);
        let none = "<DescribeSubnetsResponse><requestId>r</requestId><subnetSet/></DescribeSubnetsResponse>";
        assert_eq!(body(none), r#"{"Subnets":[]}"#);
    }

    #[test]
    fn members_are_called_after_where_they_stand() {
        let text = "<DescribeInstancesResponse><reservationSet><item><groupSet/><instancesSet><item>\
            <instanceState><code>16</code><name>running</name></instanceState><dnsName>d</dnsName>\
            <groupSet><item><groupId>sg</groupId></item></groupSet>\
            <networkInterfaceSet><item><groupSet/><privateIpAddressesSet><item><privateIpAddress>10.0.0.1\
            </privateIpAddress></item></privateIpAddressesSet></item></networkInterfaceSet>\
            <stateReason><code>Client.Stop</code></stateReason>\
            </item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
        let expected = concat!(
            r#"{"Reservations":[{"Groups":[],"Instances":[{"State":{"Code":16,"Name":"running"},"PublicDnsName":"d","#,
            r#""SecurityGroups":[{"GroupId":"sg"}],"NetworkInterfaces":[{"Groups":[],"PrivateIpAddresses":"#,
            r#"[{"PrivateIpAddress":"10.0.0.1"}]}],"StateReason":{"Code":"Client.Stop"}}]}]}"#
        );
        assert_eq!(body(text), expected);
        let text = "<StopInstancesResponse><instancesSet><item><instanceId>i</instanceId></item></instancesSet>\
                    </StopInstancesResponse>";
        assert_eq!(body(text), r#"{"StoppingInstances":[{"InstanceId":"i"}]}"#);
    }

    #[test]
    fn lists_are_called_in_the_plural() {
        let cases = [
            ("NatGatewayAddress", "NatGatewayAddresses"),
            ("InternetGateway", "InternetGateways"),
            ("InstanceStatus", "InstanceStatuses"),
            ("Ipv4Prefix", "Ipv4Prefixes"),
            ("DnsEntry", "DnsEntries"),
            ("Instances", "Instances"),
            ("Vpc", "Vpcs"),
        ];
        for (one, many) in cases {
            assert_eq!(plural(one), many);
        }
    }

    #[test]
    fn a_refusal_is_read() {
        let text = "<Response><Errors><Error><Code>InvalidSubnetID.NotFound</Code><Message>no such subnet</Message>\
                    </Error></Errors><RequestID>q</RequestID></Response>";
        let answer = Answer { status: 400, headers: vec![], body: text.as_bytes().to_vec() };
        let expected = CallError::Service {
            status: 400,
            code: "InvalidSubnetID.NotFound".to_owned(),
            message: "no such subnet".to_owned(),
            request_id: "q".to_owned(),
        };
        assert_eq!(reply(&answer).unwrap_err(), expected);
    }
}

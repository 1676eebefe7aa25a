//! Load balancers, databases, addresses and NAT gateways.

use super::super::inventory::Thing;
use super::{Finding, GB, KNOWN, Known, QUIET_MS};
use crate::cost::Recommendation;
use crate::history::{DAY_MS, History};
use crate::price::Other;
use crate::proposal::{HOURS_OF_MONTH, Risk};
use crate::snapshot::Evidence;
use serde_json::json;

/// Days of a month, and of the time that is looked at.
const MONTHS: f64 = HOURS_OF_MONTH / 24.0 / (QUIET_MS / DAY_MS) as f64;
/// What the bill calls databases.
const RDS: &str = "Amazon Relational Database Service";

/// An application load balancer as CloudWatch names it: `app/<name>/<id>`.
pub(super) fn balancer(thing: &Thing<'_>) -> Option<String> {
    let arn = thing.text("LoadBalancerArn")?;
    let name = arn.split_once(":loadbalancer/").map(|(_, name)| name)?;
    name.starts_with("app/").then(|| name.to_owned())
}

/// Application load balancers without a request. The count is absent where it is zero, so that silence is proof.
pub(super) fn balancers(known: &Known<'_>, other: &Other) -> Vec<Recommendation> {
    let found = known.things("loadBalancers").into_iter().filter_map(|thing| {
        let name = balancer(&thing)?;
        let requests = known.usage_of(&name)?.sum();
        if requests > 0.0 || !known.old(thing.time("CreatedTime")) {
            return None;
        }
        let cost = other.load_balancer_hour * HOURS_OF_MONTH;
        Finding {
            id: "idle-load-balancer",
            resource: thing.text("LoadBalancerArn")?,
            summary: format!("{name} had no request for 7 days: delete it if nobody expects any"),
            current: json!({"requests": 0}),
            proposed: json!(null),
            paid: cost,
            saving: Some(cost),
            risk: Risk::Medium,
            confidence: 0.8,
            evidence: vec![Evidence::metric("AWS/ApplicationELB RequestCount Sum, 7 days", requests, known.at)],
            undo: "create it again: its name in DNS changes",
        }
        .recommend()
    });
    found.collect()
}

/// Databases without a connection. What one costs is an even share of what the bill says of all.
pub(super) fn databases(known: &Known<'_>) -> Vec<Recommendation> {
    let all = known.things("databases");
    let Some(billed) = known.bill.per_month(RDS).filter(|_| !all.is_empty()) else { return Vec::new() };
    let share = billed / all.len() as f64;
    let found = all.iter().filter_map(|thing| {
        let name = thing.text("DBInstanceIdentifier")?;
        let connections = quiet(known.usage_of(name)?)?;
        if !known.old(thing.time("InstanceCreateTime")) || thing.text("DBInstanceStatus")? != "available" {
            return None;
        }
        Finding {
            id: "idle-database",
            resource: thing.text("DBInstanceArn").unwrap_or(name),
            summary: format!("{name} had no connection for 7 days: take a snapshot and delete it if nobody needs it"),
            current: json!({"class": thing.text("DBInstanceClass"), "connections": 0}),
            proposed: json!(null),
            paid: share,
            saving: Some(share),
            risk: Risk::High,
            confidence: if all.len() == 1 { 0.7 } else { 0.5 },
            evidence: vec![
                Evidence::metric("AWS/RDS DatabaseConnections Maximum, 7 days", connections, known.at),
                Evidence::api("its even share of the databases' bill, $ a month", json!(share.round()), known.at),
            ],
            undo: "restore the snapshot: the database gets a new address",
        }
        .recommend()
    });
    found.collect()
}

/// Addresses that belong to nothing, together.
pub(super) fn addresses(known: &Known<'_>, other: &Other) -> Option<Recommendation> {
    let free = known.things("addresses").into_iter().filter(|thing| {
        thing.get("AssociationId").is_none()
            && thing.get("NetworkInterfaceId").is_none()
            && thing.get("InstanceId").is_none()
    });
    let free: Vec<_> = free.filter_map(|thing| thing.text("PublicIp")).collect();
    let cost = free.len() as f64 * other.address_hour * HOURS_OF_MONTH;
    Finding {
        id: "unattached-addresses",
        resource: free.first().copied().unwrap_or_default(),
        summary: format!("{} addresses are attached to nothing: release those nobody has written down", free.len()),
        current: json!({"addresses": free}),
        proposed: json!(null),
        paid: cost,
        saving: Some(cost),
        risk: Risk::Medium,
        confidence: 0.9,
        evidence: vec![Evidence::api("ec2:DescribeAddresses", json!(free.len()), known.at)],
        undo: "none: a released address is gone",
    }
    .recommend()
}

/// NAT gateways that nothing went through, and those through which much went: for S3 and DynamoDB a gateway endpoint
/// carries it for nothing.
pub(super) fn gateways(known: &Known<'_>, other: &Other) -> Vec<Recommendation> {
    let found = known.things("natGateways").into_iter().filter_map(|thing| {
        let id = thing.text("NatGatewayId")?;
        if thing.text("State")? != "available" {
            return None;
        }
        let bytes = known.usage_of(id)?;
        let hours = other.nat_gateway_hour * HOURS_OF_MONTH;
        let evidence =
            vec![Evidence::metric("AWS/NATGateway BytesOutToDestination Sum, 7 days, GB", bytes.sum() / GB, known.at)];
        let (summary, paid, saving, confidence) = if quiet(bytes).is_some() && known.old(thing.time("CreateTime")) {
            (format!("nothing went through {id} for 7 days: delete it"), hours, Some(hours), 0.8)
        } else {
            let gb = bytes.sum() / GB * MONTHS;
            let summary = format!(
                "{gb:.0} GB a month go out through {id}: what of it is for S3 or DynamoDB costs nothing through a gateway \
                 endpoint"
            );
            (summary, gb * other.nat_gateway_gb, None, 0.3)
        };
        Finding {
            id: if saving.is_some() { "idle-nat-gateway" } else { "nat-gateway-traffic" },
            resource: id,
            summary,
            current: json!({"costPerMonth": crate::cost::cents(paid)}),
            proposed: json!(null),
            paid,
            saving,
            risk: if saving.is_some() { Risk::Medium } else { Risk::Low },
            confidence,
            evidence,
            undo: if saving.is_some() { "create it again, and its routes" } else { "delete the endpoint" },
        }
        .recommend()
    });
    found.collect()
}

/// Zero, if nothing else was seen in a time that is known well enough.
fn quiet(history: &History) -> Option<f64> {
    (history.coverage() >= KNOWN).then(|| history.max()).flatten().filter(|most| *most == 0.0)
}

//! An account as a whole.

use super::account::{Account, Read, look};
use super::bill::tests::{AT, result};
use super::idle;
use super::inventory::Inventory;
use super::{Class, LEAST_SAVING};
use crate::history::{DAY_MS, HOUR_MS, History};
use crate::price::tests::prices;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const GB: f64 = 1_073_741_824.0;

fn costs() -> Value {
    let day = |ago: i64| {
        result(ago, &[("Amazon Elastic Container Service", 10.0), ("Amazon Relational Database Service", 8.0)])
    };
    json!({"ResultsByTime": (0..45).rev().map(day).collect::<Vec<_>>()})
}

fn inventory() -> Value {
    let balancer = |name: &str| {
        json!({"LoadBalancerArn": format!("arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/{name}/1"),
            "CreatedTime": "2026-01-01T00:00:00Z"})
    };
    let database = |name: &str| {
        json!({"DbInstanceIdentifier": name, "DbInstanceStatus": "available", "DbInstanceClass": "db.r6g.large",
            "InstanceCreateTime": "2026-01-01T00:00:00Z"})
    };
    let image = |number: i64| {
        json!({"RepositoryName": "api", "ImageTags": [format!("v{number}")], "ImageSizeInBytes": 2.0 * GB,
            "ImagePushedAt": AT - (300 - number) * DAY_MS})
    };
    json!({
        "loadBalancers": {"LoadBalancers": [balancer("busy"), balancer("idle")]},
        "databases": {"DbInstances": [database("orders"), database("old")]},
        "logGroups": {"LogGroups": [
            {"LogGroupName": "/ecs/api", "StoredBytes": 900.0 * GB, "CreationTime": AT - 900 * DAY_MS},
            {"LogGroupName": "/forgotten", "StoredBytes": 900.0 * GB, "CreationTime": AT - 900 * DAY_MS},
            {"LogGroupName": "/small", "StoredBytes": 1.0 * GB, "CreationTime": AT - 900 * DAY_MS}]},
        "addresses": {"Addresses": [{"PublicIp": "192.0.2.1"}, {"PublicIp": "192.0.2.2"},
            {"PublicIp": "192.0.2.3", "AssociationId": "eipassoc-1"}]},
        "volumes": {"Volumes": [{"VolumeId": "vol-1", "VolumeType": "gp2", "Size": 500, "Iops": 1_500},
            {"VolumeId": "vol-2", "VolumeType": "gp3", "Size": 500}, {"VolumeId": "vol-3", "VolumeType": "gp2", "Size": 2_000,
            "Iops": 6_000}]},
        "natGateways": {"NatGateways": [{"NatGatewayId": "nat-1", "State": "available", "CreateTime": "2026-01-01T00:00:00Z"},
            {"NatGatewayId": "nat-2", "State": "available", "CreateTime": "2026-01-01T00:00:00Z"}]},
        "repositories": {"Repositories": [{"RepositoryName": "api"}]},
        "images": {"ImageDetails": (0..100).map(image).collect::<Vec<_>>()},
    })
}

fn usage() -> BTreeMap<String, History> {
    let flat = |value: Option<f64>| History::new(AT - 7 * DAY_MS, 3_600, vec![value; 168]);
    let pairs = [
        ("app/busy/1", Some(40.0)),
        ("app/idle/1", None),
        ("orders", Some(12.0)),
        ("old", Some(0.0)),
        ("nat-1", Some(0.0)),
        ("nat-2", Some(3.0 * GB)),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), flat(value))).collect()
}

fn services() -> Value {
    json!([
        {"target": "api", "costPerMonth": 250.0, "spendByHour": vec![0.34; 168], "images": ["host/api:v3"],
            "logGroups": [{"logGroup": "/ecs/api", "retentionInDays": 90, "class": "automatic"}], "proposal": {"savingPerMonth": 40.0}},
        {"target": "broken", "error": "Ops.NotApplicable"}
    ])
}

fn looked(payload: &Value, usage: Option<BTreeMap<String, History>>) -> Account {
    look(payload, Read { at: AT, region: "us-east-1", prices: &prices(), usage }).unwrap()
}

fn payload() -> Value {
    json!({"costs": costs(), "inventory": inventory(), "services": services(), "commitmentDiscount": 0.3})
}

#[test]
fn everything_idle_is_found_once() {
    let account = looked(&payload(), Some(usage()));
    let found: Vec<_> =
        account.recommendations.iter().map(|one| (one.id.as_str(), one.saving_per_month.map(f64::round))).collect();
    assert_eq!(
        found,
        [
            ("idle-database", Some(122.0)),
            ("commitment", Some(74.0)),
            ("idle-nat-gateway", Some(33.0)),
            ("log-retention", Some(24.0)),
            ("log-group-never-expires", Some(24.0)),
            ("old-images", Some(18.0)),
            ("idle-load-balancer", Some(16.0)),
            ("gp2-volumes", Some(10.0)),
            ("unattached-addresses", Some(7.0)),
            ("nat-gateway-traffic", None),
        ]
    );
    assert_eq!(account.proposals.len(), 1);
    assert_eq!(account.proposals[0].current["logGroup"], json!("/ecs/api"));
    let images = account.recommendations.iter().find(|one| one.id == "old-images").unwrap();
    assert_eq!(images.current["images"], json!(89), "90 are old, one of them runs");
}

#[test]
fn what_needs_an_approval_is_recommended_and_not_proposed() {
    let mut payload = payload();
    payload["services"][0]["logGroups"][0]["class"] = json!("approval");
    let account = looked(&payload, None);
    let found = account.recommendations.iter().find(|one| one.id == "log-retention").unwrap();
    assert_eq!((found.class, account.proposals.len()), (Class::Approval, 0));
}

#[test]
fn the_bill_is_compared_with_what_explains_it() {
    let account = looked(&payload(), Some(usage()));
    assert_eq!(account.reconciliation, json!({"billed": 304.17, "explained": 250.0, "gapPercent": 17.8}));
    assert!(account.partial.iter().any(|text| text.starts_with("the bill for ECS is 18 % more than")));
    assert!(account.partial.iter().any(|text| text.contains("days old (as of 2026-08-01")), "{:?}", account.partial);
    assert!(account.partial.iter().any(|text| text.starts_with("the last 3 days of the bill are left out")));
    assert_eq!(account.forecast, Some(json!({"month": 540.0})));
    assert!(account.summary.starts_with("$547.50 a month; 0 unusual days; 10 recommendations"), "{}", account.summary);
    assert!(account.summary.ends_with("and 1 changes of size $40.00"), "{}", account.summary);
}

#[test]
fn what_is_not_known_is_said_and_not_judged() {
    let account = looked(&json!({"services": []}), None);
    assert!(account.recommendations.is_empty() && account.proposals.is_empty());
    assert!(account.partial.iter().any(|text| text.starts_with("no costs were passed")));
    assert!(account.partial.iter().any(|text| text.starts_with("use could not be read in full")));
    let account = looked(&payload(), None);
    let silent = ["idle-load-balancer", "idle-database", "idle-nat-gateway", "nat-gateway-traffic"];
    assert!(!account.recommendations.iter().any(|one| silent.contains(&one.id.as_str())));
    let payload = payload();
    let elsewhere = Read { at: AT, region: "eu-central-1", prices: &prices(), usage: Some(usage()) };
    let account = look(&payload, elsewhere).unwrap();
    assert!(account.partial.iter().any(|text| text.starts_with("no prices but Fargate's")), "{:?}", account.partial);
}

#[test]
fn a_broken_payload_is_refused_by_field() {
    let refused = |payload: Value| {
        let read = Read { at: AT, region: "us-east-1", prices: &prices(), usage: None };
        look(&payload, read).unwrap_err().message().to_owned()
    };
    assert_eq!(refused(json!({"services": [1]})), "services[0] must be a JSON object, not a number");
    let cost = refused(json!({"services": [{"target": "api", "costPerMonth": "much"}]}));
    assert_eq!(cost, "services[0].costPerMonth must be a number, not a text");
    let discount = refused(json!({"commitmentDiscount": 30}));
    assert_eq!(discount, "commitmentDiscount must be between 0 and 0.9, or absent");
}

#[test]
fn metrics_are_asked_for_under_ids_that_cloudwatch_accepts() {
    let payload = json!({"inventory": inventory()});
    let measures = idle::measures(&Inventory::of_payload(&payload));
    let ids: Vec<_> = measures.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["lb0", "lb1", "db0", "db1", "nat0", "nat1"]);
    assert_eq!(measures[1].dimension, ("LoadBalancer", "app/idle/1".to_owned()));
}

proptest! {
    #[test]
    fn no_recommendation_is_too_small_or_costs_money(
        requests in 0.0..5.0_f64, connections in 0.0..2.0_f64, gb in 0.0..5_000.0_f64, size in 0.0..5_000.0_f64,
        free in 0..20_usize, billed in 0.0..500.0_f64, discount in 0.0..0.9_f64, age in 0..2_000_i64,
    ) {
        let mut payload = payload();
        let inventory = &mut payload["inventory"];
        inventory["logGroups"]["LogGroups"][1]["StoredBytes"] = json!(gb * GB);
        inventory["logGroups"]["LogGroups"][1]["CreationTime"] = json!(AT - age * DAY_MS);
        inventory["volumes"]["Volumes"][0]["Size"] = json!(size);
        inventory["addresses"] = json!((0..free).map(|n| json!({"PublicIp": n.to_string()})).collect::<Vec<_>>());
        payload["costs"] = json!([result(5, &[("Amazon Relational Database Service", billed)])]);
        payload["commitmentDiscount"] = json!(discount);
        let mut usage = usage();
        usage.insert("app/idle/1".into(), History::new(AT - 24 * HOUR_MS, 3_600, vec![Some(requests.floor()); 24]));
        usage.insert("old".into(), History::new(AT - 24 * HOUR_MS, 3_600, vec![Some(connections.floor()); 24]));
        let account = looked(&payload, Some(usage));
        for one in &account.recommendations {
            if let Some(saving) = one.saving_per_month {
                prop_assert!(saving >= LEAST_SAVING - 0.005, "{} {saving}", one.id);
            }
            prop_assert!((0.0..=1.0).contains(&one.confidence));
        }
    }
}

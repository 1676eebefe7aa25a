//! ElastiCache.

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::cache::NODE_TYPES;

/// The most replicas that a shard can have.
const MAXIMUM_REPLICAS: usize = 5;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "DescribeReplicationGroups" => describe(world, input),
        "ListAllowedNodeTypeModifications" => list_allowed(world, input),
        "ModifyReplicationGroup" => modify(world, input),
        "IncreaseReplicaCount" => increase(world, input),
        _ => return None,
    })
}

fn check_id(world: &World, id: &str) -> Result<(), Failure> {
    if id == world.cache.id {
        return Ok(());
    }
    let message = format!("ReplicationGroup {id} not found.");
    Err(Failure::new("ReplicationGroupNotFoundFault", &message).with_status(404))
}

fn check_available(world: &World) -> Result<(), Failure> {
    let status = world.cache.status();
    if status == "available" {
        return Ok(());
    }
    let message = format!("Replication group must be in available state to modify; it is {status}.");
    Err(Failure::new("InvalidReplicationGroupState", &message))
}

fn describe(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["ReplicationGroupId", "MaxRecords", "Marker"])?;
    if let Some(id) = input.text("ReplicationGroupId")? {
        check_id(world, id)?;
    }
    Ok(Node::map([("ReplicationGroups", Node::named("ReplicationGroup", [view(world)]))]))
}

fn members(world: &World) -> Vec<String> {
    (1..=world.cache.replicas + 1).map(|node| format!("{}-{node:03}", world.cache.id)).collect()
}

fn endpoint(address: String) -> Node {
    Node::map([("Address", address.into()), ("Port", 6379_i64.into())])
}

fn node_group(world: &World) -> Node {
    let cache = &world.cache;
    let suffix = format!("ab12cd.ng.0001.{}.cache.amazonaws.com", world.place.region.replace('-', ""));
    let members = members(world).into_iter().enumerate().map(|(index, member)| {
        let zone = ["a", "b", "c"][index % 3];
        Node::map([
            ("CacheClusterId", member.as_str().into()),
            ("CacheNodeId", "0001".into()),
            ("ReadEndpoint", endpoint(format!("{member}.{suffix}"))),
            ("PreferredAvailabilityZone", format!("{}{zone}", world.place.region).into()),
            ("CurrentRole", if index == 0 { "primary" } else { "replica" }.into()),
        ])
    });
    Node::map([
        ("NodeGroupId", "0001".into()),
        ("Status", cache.status().into()),
        ("PrimaryEndpoint", endpoint(format!("{}.{suffix}", cache.id))),
        ("ReaderEndpoint", endpoint(format!("{}-ro.{suffix}", cache.id))),
        ("NodeGroupMembers", Node::named("NodeGroupMember", members)),
    ])
}

fn view(world: &World) -> Node {
    let cache = &world.cache;
    Node::map([
        ("ReplicationGroupId", cache.id.as_str().into()),
        ("Description", "Catalogue cache".into()),
        ("Status", cache.status().into()),
        ("PendingModifiedValues", Node::empty()),
        ("MemberClusters", Node::named("ClusterId", members(world).into_iter().map(Node::from))),
        ("NodeGroups", Node::named("NodeGroup", [node_group(world)])),
        ("AutomaticFailover", "enabled".into()),
        ("MultiAZ", "enabled".into()),
        ("SnapshotRetentionLimit", 1_i64.into()),
        ("SnapshotWindow", "04:00-05:00".into()),
        ("ClusterEnabled", false.into()),
        ("CacheNodeType", cache.node_type.as_str().into()),
        ("AuthTokenEnabled", false.into()),
        ("TransitEncryptionEnabled", false.into()),
        ("AtRestEncryptionEnabled", true.into()),
        ("ReplicationGroupCreateTime", Node::Time(cache.created_ms)),
        ("ARN", world.place.arn("elasticache", &format!("replicationgroup:{}", cache.id)).into()),
        ("Engine", "redis".into()),
    ])
}

fn list_allowed(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["ReplicationGroupId", "CacheClusterId"])?;
    let id = match (input.text("ReplicationGroupId")?, input.text("CacheClusterId")?) {
        (Some(id), None) => id,
        (None, Some(cluster)) => {
            let message =
                format!("CacheCluster {cluster} is a member of a replication group; ask with ReplicationGroupId.");
            return Err(Failure::new("InvalidParameterCombination", &message));
        }
        _ => {
            return Err(Failure::new(
                "InvalidParameterCombination",
                "Give either CacheClusterId or ReplicationGroupId.",
            ));
        }
    };
    check_id(world, id)?;
    let (larger, smaller) = world.cache.allowed_types();
    Ok(Node::map([
        ("ScaleUpModifications", Node::list(larger.into_iter().map(Node::from))),
        ("ScaleDownModifications", Node::list(smaller.into_iter().map(Node::from))),
    ]))
}

fn modify(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["ReplicationGroupId", "CacheNodeType", "ApplyImmediately"])?;
    check_id(world, input.required("ReplicationGroupId")?)?;
    check_available(world)?;
    if let Some(node_type) = input.text("CacheNodeType")? {
        let (larger, smaller) = world.cache.allowed_types();
        let known = NODE_TYPES.iter().any(|(name, ..)| *name == node_type);
        if !known || !(larger.contains(&node_type) || smaller.contains(&node_type)) {
            let message = format!("{node_type} is not an allowed node type modification for {}.", world.cache.id);
            return Err(Failure::new("InvalidParameterValue", &message));
        }
        if input.boolean("ApplyImmediately", false)? {
            world.cache.change_type(node_type, world.now_ms);
        } else {
            world.cache.pending_type = Some(node_type.to_owned());
        }
    }
    Ok(Node::map([("ReplicationGroup", view(world))]))
}

fn increase(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["ReplicationGroupId", "NewReplicaCount", "ApplyImmediately"])?;
    check_id(world, input.required("ReplicationGroupId")?)?;
    if !input.boolean("ApplyImmediately", false)? {
        return Err(Failure::new("InvalidParameterValue", "Only ApplyImmediately=true is supported."));
    }
    check_available(world)?;
    let wanted = input.integer("NewReplicaCount")?.ok_or_else(|| input.missing("NewReplicaCount"))?;
    let wanted = usize::try_from(wanted).unwrap_or(0);
    if wanted <= world.cache.replicas || wanted > MAXIMUM_REPLICAS {
        let message =
            format!("NewReplicaCount must be greater than {} and at most {MAXIMUM_REPLICAS}.", world.cache.replicas);
        return Err(Failure::new("InvalidParameterValue", &message));
    }
    world.cache.change_replicas(wanted, world.now_ms);
    Ok(Node::map([("ReplicationGroup", view(world))]))
}

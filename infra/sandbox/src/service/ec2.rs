//! EC2: reading subnets and, of a fleet, addresses, volumes and NAT gateways.

use super::input::Input;
use super::{Answer, Failure, ec2_inventory};
use crate::wire::Node;
use crate::world::World;
use crate::world::account::Subnet;

/// The only network.
pub(super) const VPC: &str = "vpc-0a1b2c3d4e5f67890";

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    match (operation, world.fleet.as_deref()) {
        ("DescribeSubnets", _) => Some(describe_subnets(world, input)),
        (_, Some(fleet)) => ec2_inventory::perform(&fleet.inventory, (world, fleet.anchor_ms), operation, input),
        _ => None,
    }
}

/// Addresses of a subnet that no task has.
fn free(world: &World, subnet: &Subnet) -> i64 {
    let tasks = world.services.values().flat_map(|service| &service.tasks);
    let prefix = subnet.cidr.trim_end_matches("0/24");
    let used = tasks.filter(|task| task.stopped_ms.is_none() && task.address.starts_with(prefix)).count();
    subnet.size - i64::try_from(used).unwrap_or(0)
}

fn describe_subnets(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["SubnetId", "SubnetIds", "Filter", "MaxResults", "NextToken"])?;
    if input.get("Filter").is_some() {
        return Err(input.invalid("the sandbox does not model filters of subnets; give SubnetId"));
    }
    let ids = input.texts("SubnetId")?;
    if let Some(unknown) = ids.iter().find(|id| !world.subnets.iter().any(|subnet| subnet.id == **id)) {
        let message = format!("The subnet ID '{unknown}' does not exist");
        return Err(Failure::new("InvalidSubnetID.NotFound", &message));
    }
    let wanted = |subnet: &&Subnet| ids.is_empty() || ids.contains(&subnet.id.as_str());
    let views = world.subnets.iter().filter(wanted).map(|subnet| {
        Node::map([
            ("subnetId", subnet.id.as_str().into()),
            ("subnetArn", world.place.arn("ec2", &format!("subnet/{}", subnet.id)).into()),
            ("state", "available".into()),
            ("ownerId", world.place.account.as_str().into()),
            ("vpcId", VPC.into()),
            ("cidrBlock", subnet.cidr.as_str().into()),
            ("availableIpAddressCount", free(world, subnet).into()),
            ("availabilityZone", format!("{}{}", world.place.region, subnet.zone).into()),
            ("defaultForAz", false.into()),
            ("mapPublicIpOnLaunch", false.into()),
        ])
    });
    Ok(Node::map([("subnetSet", Node::named("item", views))]))
}

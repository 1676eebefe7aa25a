//! EC2: what stands around a fleet.

use super::ec2::VPC;
use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::fleet::inventory::{Address, Inventory, NatGateway, Volume};

const DAY_MS: i64 = 86_400_000;
/// Days before the sandbox's start that the NAT gateways were created.
const NAT_AGE_DAYS: i64 = 410;

/// Performs an operation; the world comes with the time at which the sandbox started.
pub(super) fn perform(inventory: &Inventory, world: (&World, i64), operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "DescribeAddresses" => addresses(inventory, input),
        "DescribeVolumes" => volumes(inventory, world, input),
        "DescribeNatGateways" => nat_gateways(inventory, world.1, input),
        _ => return None,
    })
}

/// Filters are not modelled: who asks gets everything.
fn only_pages(input: &Input) -> Result<(), Failure> {
    input.only(&["MaxResults", "NextToken"])
}

fn addresses(inventory: &Inventory, input: &Input) -> Result<Node, Failure> {
    only_pages(input)?;
    let view = |address: &Address| {
        let association = address.interface.map(|interface| interface.replace("eni", "eipassoc"));
        Node::map([
            ("publicIp", address.address.into()),
            ("allocationId", address.allocation.into()),
            ("domain", "vpc".into()),
            ("associationId", association.into()),
            ("networkInterfaceId", address.interface.into()),
        ])
    };
    Ok(Node::map([("addressesSet", Node::named("item", inventory.addresses.iter().map(view)))]))
}

fn volumes(inventory: &Inventory, (world, anchor_ms): (&World, i64), input: &Input) -> Result<Node, Failure> {
    only_pages(input)?;
    let view = |volume: &Volume| {
        let attachments = volume.instance.map(|instance| {
            Node::map([
                ("volumeId", volume.id.into()),
                ("instanceId", instance.into()),
                ("device", "/dev/sdf".into()),
                ("status", "attached".into()),
            ])
        });
        Node::map([
            ("volumeId", volume.id.into()),
            ("size", volume.size.into()),
            ("availabilityZone", format!("{}a", world.place.region).into()),
            ("status", if volume.instance.is_some() { "in-use" } else { "available" }.into()),
            ("createTime", Node::Time(anchor_ms - volume.age_days * DAY_MS)),
            ("attachmentSet", Node::named("item", attachments)),
            ("tagSet", Node::named("item", [Node::map([("key", "Name".into()), ("value", volume.name.into())])])),
            ("volumeType", volume.kind.into()),
            ("encrypted", true.into()),
        ])
    };
    Ok(Node::map([("volumeSet", Node::named("item", inventory.volumes.iter().map(view)))]))
}

fn nat_gateways(inventory: &Inventory, anchor_ms: i64, input: &Input) -> Result<Node, Failure> {
    only_pages(input)?;
    let view = |gateway: &NatGateway| {
        let address = Node::map([
            ("publicIp", gateway.address.address.into()),
            ("allocationId", gateway.address.allocation.into()),
            ("networkInterfaceId", gateway.address.interface.into()),
        ]);
        Node::map([
            ("natGatewayId", gateway.id.into()),
            ("subnetId", gateway.subnet.into()),
            ("vpcId", VPC.into()),
            ("state", "available".into()),
            ("connectivityType", "public".into()),
            ("createTime", Node::Time(anchor_ms - NAT_AGE_DAYS * DAY_MS)),
            ("natGatewayAddressSet", Node::named("item", [address])),
        ])
    };
    Ok(Node::map([("natGatewaySet", Node::named("item", inventory.nat_gateways.iter().map(view)))]))
}

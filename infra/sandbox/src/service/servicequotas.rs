//! Service Quotas: reading the one quota that the sandbox has.

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::quota::{CODE, USAGE};

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    (operation == "GetServiceQuota").then(|| get_service_quota(world, input))
}

fn get_service_quota(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["ServiceCode", "QuotaCode"])?;
    let (service, code) = (input.required("ServiceCode")?, input.required("QuotaCode")?);
    if (service, code) != ("fargate", CODE) {
        return Err(Failure::new(
            "NoSuchResourceException",
            "The request failed because the specified quota does not exist.",
        ));
    }
    let (namespace, name, dimensions) = USAGE;
    let dimensions = dimensions.map(|(name, value)| (name, value.into()));
    let usage = Node::map([
        ("MetricNamespace", namespace.into()),
        ("MetricName", name.into()),
        ("MetricDimensions", Node::map(dimensions)),
        ("MetricStatisticRecommendation", "Maximum".into()),
    ]);
    let quota = Node::map([
        ("ServiceCode", service.into()),
        ("ServiceName", "AWS Fargate".into()),
        ("QuotaArn", world.place.arn("servicequotas", &format!("{service}/{code}")).into()),
        ("QuotaCode", code.into()),
        ("QuotaName", "Fargate On-Demand vCPU resource count".into()),
        ("Value", world.quota_vcpu.into()),
        ("Unit", "None".into()),
        ("Adjustable", true.into()),
        ("GlobalQuota", false.into()),
        ("UsageMetric", usage),
    ]);
    Ok(Node::map([("Quota", quota)]))
}

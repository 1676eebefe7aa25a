//! The buckets that AWS gives an account. Source: "Quotas related to API action throttling" and "Other quotas", AWS Step
//! Functions developer guide (awsdocs/aws-step-functions-developer-guide, `doc_source/limits-overview.md`); that of
//! RedriveExecution from the guide's later editions. Operations that the guide's table has not are not throttled here.

use super::{Bucket, EXPRESS};

/// The regions with more.
const LARGE: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];

/// Operation; size and refill per second in the large regions; the same in the others.
const TABLE: [(&str, [u32; 2], [u32; 2]); 24] = [
    ("CreateActivity", [100, 1], [100, 1]),
    ("CreateStateMachine", [100, 1], [100, 1]),
    ("DeleteActivity", [100, 1], [100, 1]),
    ("DeleteStateMachine", [100, 1], [100, 1]),
    ("DescribeActivity", [200, 1], [200, 1]),
    ("DescribeExecution", [300, 15], [250, 10]),
    ("DescribeStateMachine", [200, 20], [200, 20]),
    ("DescribeStateMachineForExecution", [200, 1], [200, 1]),
    ("GetActivityTask", [3000, 500], [1500, 300]),
    ("GetExecutionHistory", [400, 20], [400, 20]),
    ("ListActivities", [100, 10], [100, 5]),
    ("ListExecutions", [200, 5], [100, 2]),
    ("ListStateMachines", [100, 5], [100, 5]),
    ("ListTagsForResource", [100, 1], [100, 1]),
    ("RedriveExecution", [1300, 300], [800, 150]),
    ("SendTaskFailure", [3000, 500], [1500, 300]),
    ("SendTaskHeartbeat", [3000, 500], [1500, 300]),
    ("SendTaskSuccess", [3000, 500], [1500, 300]),
    ("StartExecution", [1300, 300], [800, 150]),
    (EXPRESS, [6000, 6000], [6000, 6000]),
    ("StopExecution", [1000, 200], [500, 25]),
    ("TagResource", [200, 1], [200, 1]),
    ("UntagResource", [200, 1], [200, 1]),
    ("UpdateStateMachine", [100, 1], [100, 1]),
];

/// The buckets of an account in `region`.
pub(super) fn buckets(region: &str) -> impl Iterator<Item = (&'static str, Bucket)> {
    let is_large = LARGE.contains(&region);
    TABLE.into_iter().map(move |(name, large, small)| {
        let [size, refill] = if is_large { large } else { small };
        (name, Bucket { size, refill: f64::from(refill) })
    })
}

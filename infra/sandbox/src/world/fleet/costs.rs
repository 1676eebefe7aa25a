//! What the account costs, day by day: task-hours at Fargate's rates, everything else at AWS's list prices, with a
//! little noise and one anomaly.

use super::Fleet;
use super::load;
use super::record::Record;
use crate::world::MINUTE_MS;

/// Days of Cost Explorer begin at midnight UTC.
pub(crate) const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// US dollars per vCPU-hour and per GB-hour of Fargate, Linux on x86, us-east-1.
pub(crate) const X86: (f64, f64) = (0.04048, 0.004445);
/// The same on ARM.
pub(crate) const ARM: (f64, f64) = (0.03238, 0.00356);
/// Elastic Container Service, where Fargate is billed.
pub(crate) const ECS: &str = "Amazon Elastic Container Service";
/// The service in which the anomaly is.
pub(crate) const ANOMALOUS: &str = "AmazonCloudWatch";
/// When the anomaly began and ended, whole days before the sandbox's start: somebody left debug logging on.
pub(crate) const ANOMALY_DAYS: (i64, i64) = (6, 4);
/// US dollars that it cost a day.
pub(crate) const ANOMALY_USD: f64 = 55.0;
/// US dollars a day of everything that does not follow the tasks.
const OTHERS: [(&str, f64); 7] = [
    // Two load balancers at $0.0225 an hour, and 4 capacity units at $0.008.
    ("Amazon Elastic Load Balancing", 2.0 * 0.0225 * 24.0 + 4.0 * 0.008 * 24.0),
    // Two NAT gateways at $0.045 an hour, 60 GB at $0.045, and the volumes.
    ("EC2 - Other", 2.0 * 0.045 * 24.0 + 2.7 + (500.0 * 0.10 + 300.0 * 0.08) / 30.42),
    // 21.1 GB of logs at $0.50, what is stored at $0.03 a month, and metrics.
    (ANOMALOUS, 21.1 * 0.50 + 2_652.0 * 0.03 / 30.42 + 5.0),
    // orders-db db.r6g.large Multi-AZ with 200 GB, legacy-reports-db db.t4g.large with 100 GB.
    ("Amazon Relational Database Service", 0.45 * 24.0 + 46.0 / 30.42 + 0.129 * 24.0 + 11.5 / 30.42),
    // 96 GB of images at $0.10 a month.
    ("Amazon EC2 Container Registry (ECR)", 96.0 * 0.10 / 30.42),
    // Four public addresses at $0.005 an hour.
    ("Amazon Virtual Private Cloud", 4.0 * 0.005 * 24.0),
    ("AWS Cost Explorer", 0.04),
];

/// One day's costs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Day {
    /// When it began.
    pub(crate) start_ms: i64,
    /// Whether it will still change.
    pub(crate) estimated: bool,
    /// US dollars per ECS service.
    pub(crate) fargate: Vec<(String, f64)>,
    /// US dollars per AWS service, beside ECS.
    pub(crate) others: Vec<(&'static str, f64)>,
}

impl Day {
    /// US dollars of all ECS services together.
    pub(crate) fn ecs(&self) -> f64 {
        self.fargate.iter().map(|(_, usd)| usd).sum()
    }

    /// US dollars of everything but the ECS services.
    pub(crate) fn rest(&self) -> f64 {
        self.others.iter().map(|(_, usd)| usd).sum()
    }
}

/// US dollars of one minute of a service.
pub(super) fn of_minute(record: &Record) -> f64 {
    let task = f64::from(record.cpu_units) / 1024.0 * X86.0 + f64::from(record.memory_mib) / 1024.0 * X86.1;
    f64::from(record.active) * task / 60.0
}

impl Fleet {
    /// The days that begin from `start_ms` to before `end_ms`, as known at `now_ms`; days to come are left out.
    pub(crate) fn days(&self, start_ms: i64, end_ms: i64, now_ms: i64) -> Vec<Day> {
        let first = start_ms - start_ms.rem_euclid(DAY_MS);
        let today = now_ms - now_ms.rem_euclid(DAY_MS);
        let days = (0..).map(|index| first + index * DAY_MS).take_while(|day| *day < end_ms.min(today + DAY_MS));
        days.map(|day| self.day(day, today, now_ms)).collect()
    }

    fn day(&self, start_ms: i64, today: i64, now_ms: i64) -> Day {
        // The bill comes late: of the last two days a part is missing.
        let known = match (today - start_ms) / DAY_MS {
            0 => 0.6,
            1 => 0.93,
            _ => 1.0,
        };
        let passed = ((now_ms - start_ms) as f64 / DAY_MS as f64).clamp(0.0, 1.0);
        let fargate = self.members.iter().map(|(name, member)| {
            // Before the history began, a day cost what its weekday cost in the first week.
            let first_ms = member.records.first_ms();
            let weeks = ((first_ms - start_ms).max(0) + 7 * DAY_MS - 1) / (7 * DAY_MS);
            let from = start_ms + weeks * 7 * DAY_MS;
            let usd: f64 = member.records.range(from, from + DAY_MS).map(|(_, record)| of_minute(record)).sum();
            (name.clone(), usd * known)
        });
        let fargate = fargate.collect();
        let anchor_day = self.anchor_ms - self.anchor_ms.rem_euclid(DAY_MS);
        let (began, ended) = ANOMALY_DAYS;
        let anomalous = (anchor_day - began * DAY_MS..anchor_day - ended * DAY_MS).contains(&start_ms);
        let others = OTHERS.into_iter().map(|(service, usd)| {
            let mut generator = load::minute(load::key(self.seed, service), start_ms);
            let extra = if anomalous && service == ANOMALOUS { ANOMALY_USD } else { 0.0 };
            (service, (usd * generator.between(0.985, 1.015) + extra) * known * passed)
        });
        Day { start_ms, estimated: known < 1.0, fargate, others: others.collect() }
    }
}

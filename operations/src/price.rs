//! What Fargate and a few other things cost: dated data, never constants of a program.
//!
//! `price/prices.json` is part of the binary; `cargo xtask prices` rewrites what it says of Fargate from the AWS Price
//! List ([`list`]). A report that rests on old prices says so ([`Prices::notices`]).

pub mod list;

use crate::error::{Error, Kind};
use crate::history::DAY_MS;
use crate::proposal::HOURS_OF_MONTH;
use crate::time::{self, Millis};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// For how many days prices count as current.
pub const CURRENT_DAYS: i64 = 90;
/// Processor units of one vCPU.
const UNITS_OF_VCPU: f64 = 1_024.0;
/// MiB of one GB, as Fargate counts.
const MIB_OF_GB: f64 = 1_024.0;
/// Ephemeral storage that costs nothing, in GiB.
const FREE_STORAGE_GB: u32 = 20;

/// The processor that a task runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Architecture {
    /// 64-bit x86.
    #[serde(rename = "X86_64")]
    X86,
    /// 64-bit ARM.
    #[serde(rename = "ARM64")]
    Arm,
}

impl Architecture {
    /// The name in `runtimePlatform.cpuArchitecture` of a task definition.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::X86 => "X86_64",
            Architecture::Arm => "ARM64",
        }
    }

    /// The architecture of that name, also as images write it (`amd64`, `arm64`).
    pub fn from_name(name: &str) -> Option<Architecture> {
        match name {
            "X86_64" | "amd64" => Some(Architecture::X86),
            "ARM64" | "arm64" => Some(Architecture::Arm),
            _ => None,
        }
    }
}

/// What a task of Fargate on Linux costs, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// One vCPU for an hour.
    pub vcpu_hour: f64,
    /// One GB of memory for an hour.
    pub gb_hour: f64,
    /// One GB of ephemeral storage beyond 20 GB for an hour.
    pub ephemeral_gb_hour: f64,
}

impl Rate {
    /// US dollars of one task for an hour: processor units (1,024 are one vCPU) and memory in MiB.
    pub fn hour(&self, cpu_units: u32, memory_mib: u32) -> f64 {
        f64::from(cpu_units) / UNITS_OF_VCPU * self.vcpu_hour + f64::from(memory_mib) / MIB_OF_GB * self.gb_hour
    }

    /// The same for a month of [`HOURS_OF_MONTH`] hours.
    pub fn month(&self, cpu_units: u32, memory_mib: u32) -> f64 {
        self.hour(cpu_units, memory_mib) * HOURS_OF_MONTH
    }

    /// US dollars for an hour of ephemeral storage of so many GiB; the first 20 cost nothing.
    pub fn storage_hour(&self, gib: u32) -> f64 {
        f64::from(gib.saturating_sub(FREE_STORAGE_GB)) * self.ephemeral_gb_hour
    }
}

/// What else is priced, in US dollars; GB-months are of storage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Other {
    /// An application load balancer for an hour, its capacity units aside.
    pub load_balancer_hour: f64,
    /// A public IPv4 address for an hour.
    pub address_hour: f64,
    /// A NAT gateway for an hour.
    pub nat_gateway_hour: f64,
    /// A GB through a NAT gateway.
    pub nat_gateway_gb: f64,
    /// A GB of a gp2 volume for a month.
    pub gp2_gb_month: f64,
    /// A GB of a gp3 volume for a month, with the 3,000 operations and 125 MB a second that are included.
    pub gp3_gb_month: f64,
    /// A GB of stored log events for a month.
    pub log_gb_month: f64,
    /// A GB of images in ECR for a month.
    pub image_gb_month: f64,
}

/// Prices of one kind: when they were read, where, and by region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dated<T> {
    as_of: String,
    source: String,
    regions: BTreeMap<String, T>,
}

/// All prices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    fargate: Dated<BTreeMap<Architecture, Rate>>,
    other: Dated<Other>,
}

impl Prices {
    /// The prices that are part of this program.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` as [`Prices::parse`]; a test keeps it from happening.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(include_str!("price/prices.json"))
    }

    /// Reads and checks prices.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming what is wrong: a date that is none, a price that is not above 0 (or is one that no
    /// region has: 1,000 dollars or more).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let prices: Self = serde_json::from_str(text).map_err(|problem| invalid(&format!("prices.json: {problem}")))?;
        for (name, as_of) in [("fargate", &prices.fargate.as_of), ("other", &prices.other.as_of)] {
            date(as_of).ok_or_else(|| invalid(&format!("prices.json: {name}.asOf must be a date, not {as_of:?}")))?;
        }
        for (path, price) in prices.all() {
            if !(price > 0.0 && price < 1_000.0) {
                return Err(invalid(&format!("prices.json: {path} must be above 0 and below 1000, not {price}")));
            }
        }
        Ok(prices)
    }

    /// What Fargate costs in a region.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` for a region whose prices are not known, with the remedy.
    pub fn fargate(&self, region: &str, architecture: Architecture) -> Result<Rate, Error> {
        let rates = self.fargate.regions.get(region).and_then(|rates| rates.get(&architecture)).copied();
        rates.ok_or_else(|| {
            let known = self.fargate.regions.keys().cloned().collect::<Vec<_>>().join(", ");
            let what = format!("no price of Fargate on {} in {region} is known (known: {known})", architecture.name());
            invalid(&format!("{what}: refresh the prices with `cargo xtask prices` and deploy again"))
        })
    }

    /// What Fargate costs on x86 in the region that an ARN names, or, where it names none, in `own`: the dearer of the two architectures, so that neither
    /// a saving nor the price of more capacity is told too low.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` as [`Prices::fargate`].
    pub fn at_most(&self, arn: &str, own: &str) -> Result<Rate, Error> {
        let named = arn.split(':').nth(3).filter(|region| !region.is_empty());
        self.fargate(named.unwrap_or(own), Architecture::X86)
    }

    /// What else costs how much in a region; `None` where that is not known.
    pub fn other(&self, region: &str) -> Option<Other> {
        self.other.regions.get(region).copied()
    }

    /// Where the prices of Fargate are from, and when they were read: what evidence names.
    pub fn provenance(&self) -> String {
        format!("prices of Fargate as of {} from {}", self.fargate.as_of, self.fargate.source)
    }

    /// What a report must say of its prices at a time: that some are older than [`CURRENT_DAYS`] days. Empty when all
    /// are current.
    pub fn notices(&self, at: Millis) -> Vec<String> {
        let dated = [
            ("Fargate", &self.fargate.as_of, &self.fargate.source, "refresh them with `cargo xtask prices`"),
            ("other resources", &self.other.as_of, &self.other.source, "compare them with the price pages"),
        ];
        let old = dated.into_iter().filter_map(|(what, as_of, source, remedy)| {
            let days = (at - date(as_of)?).div_euclid(DAY_MS);
            (days > CURRENT_DAYS)
                .then(|| format!("the prices of {what} are {days} days old (as of {as_of}, from {source}): {remedy}"))
        });
        old.collect()
    }

    /// The same with other prices of Fargate.
    ///
    /// # Errors
    /// As [`Prices::parse`]; `Ops.InvalidInput` when there are none.
    pub fn with_fargate(
        &self,
        regions: BTreeMap<String, BTreeMap<Architecture, Rate>>,
        as_of: &str,
        source: &str,
    ) -> Result<Self, Error> {
        if regions.is_empty() {
            let message = "the price list has no prices of Fargate: ask for serviceCode AmazonECS again";
            return Err(Error::new(Kind::InvalidInput, message));
        }
        let fargate = Dated { as_of: as_of.to_owned(), source: source.to_owned(), regions };
        let prices = Self { fargate, other: self.other.clone() };
        Self::parse(&prices.text())
    }

    /// The prices as the text of `prices.json`.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(&json!(self)).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Every price with its place.
    fn all(&self) -> Vec<(String, f64)> {
        let mut all = Vec::new();
        for (region, rates) in &self.fargate.regions {
            for (architecture, rate) in rates {
                let path = |name: &str| format!("fargate.regions.{region}.{}.{name}", architecture.name());
                all.push((path("vcpuHour"), rate.vcpu_hour));
                all.push((path("gbHour"), rate.gb_hour));
                all.push((path("ephemeralGbHour"), rate.ephemeral_gb_hour));
            }
        }
        for (region, other) in &self.other.regions {
            let values = json!(other);
            let fields = values.as_object().into_iter().flatten();
            all.extend(
                fields.map(|(name, price)| {
                    (format!("other.regions.{region}.{name}"), price.as_f64().unwrap_or(f64::NAN))
                }),
            );
        }
        all
    }
}

/// A date as the beginning of its day in UTC.
fn date(text: &str) -> Option<Millis> {
    time::parse(&json!(format!("{text}T00:00:00Z")))
}

fn invalid(message: &str) -> Error {
    Error::new(Kind::ConfigInvalid, message)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn prices() -> Prices {
        Prices::built_in().unwrap()
    }

    pub(crate) fn rate() -> Rate {
        prices().fargate("us-east-1", Architecture::X86).unwrap()
    }

    #[test]
    fn the_region_is_the_resources_else_ones_own() {
        let at = |arn: &str, own: &str| prices().at_most(arn, own);
        assert_eq!(at("arn:aws:ecs:us-east-1:123456789012:service/production/api", "eu-west-1").unwrap(), rate());
        assert_eq!(at("service/production/api", "us-east-1").unwrap(), rate());
        assert!(at("service/production/api", "eu-west-1").unwrap_err().message().contains("cargo xtask prices"));
    }

    #[test]
    fn a_month_of_fargate_costs_what_it_costs() {
        let (x86, arm) = (rate(), prices().fargate("us-east-1", Architecture::Arm).unwrap());
        let sizes = [
            (256, 512, 9.01),
            (512, 1_024, 18.02),
            (1_024, 2_048, 36.04),
            (2_048, 4_096, 72.08),
            (4_096, 8_192, 144.16),
        ];
        for (cpu, memory, month) in sizes {
            assert!((x86.month(cpu, memory) - month).abs() < 0.005, "{cpu}/{memory}: {}", x86.month(cpu, memory));
            let share = arm.month(cpu, memory) / x86.month(cpu, memory);
            assert!((share - 0.8).abs() < 0.001, "{share}");
        }
        assert_eq!(x86.storage_hour(20), 0.0);
        assert!((x86.storage_hour(21) - 0.000_111).abs() < 1e-12);
    }

    #[test]
    fn an_unknown_region_is_refused_with_the_remedy() {
        let error = prices().fargate("eu-central-1", Architecture::X86).unwrap_err();
        assert_eq!(error.kind(), Kind::ConfigInvalid);
        assert!(error.message().contains("X86_64 in eu-central-1") && error.message().contains("cargo xtask prices"));
        assert_eq!(prices().other("eu-central-1"), None);
    }

    #[test]
    fn prices_are_said_to_be_old_after_ninety_days() {
        let read = date(&prices().fargate.as_of).unwrap();
        assert!(prices().notices(read + 90 * DAY_MS).is_empty());
        let notices = prices().notices(read + 91 * DAY_MS);
        assert!(notices[0].starts_with("the prices of Fargate are 91 days old (as of "), "{notices:?}");
        assert!(notices[0].contains("cargo xtask prices"), "{notices:?}");
    }

    #[test]
    fn broken_prices_are_refused_by_field() {
        let text = include_str!("price/prices.json");
        let refused = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            Prices::parse(&text.replacen(from, to, 1)).unwrap_err().message().to_owned()
        };
        assert!(refused("0.04048", "-1").contains("fargate.regions.us-east-1.X86_64.vcpuHour must be above 0"));
        assert!(refused("\"addressHour\": 0.005", "\"addressHour\": 5000").contains("us-east-1.addressHour"));
        assert!(refused("\"vcpuHour\"", "\"vcpu\"").contains("unknown field `vcpu`"));
        let dated = format!("\"asOf\": {:?}", prices().fargate.as_of);
        assert!(refused(&dated, "\"asOf\": \"soon\"").contains("fargate.asOf must be a date"));
    }

    #[test]
    fn prices_are_written_as_they_are_read() {
        assert_eq!(Prices::parse(&prices().text()).unwrap(), prices());
        let error = prices().with_fargate(BTreeMap::new(), "2026-10-01", "here").unwrap_err();
        assert!(error.message().contains("no prices of Fargate"), "{error}");
    }
}

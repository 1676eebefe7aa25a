//! Reading the AWS Price List: the answers of `pricing:GetProducts` for the service code `AmazonECS`.
//!
//! Every item of `PriceList` is a JSON text with `product.attributes` (`usagetype`, `regionCode`) and
//! `terms.OnDemand.*.priceDimensions.*.pricePerUnit.USD`. The usage types of Fargate on Linux are, behind the region's
//! prefix, those of [`USAGE`]; Windows and Spot have others.

use super::{Architecture, Rate};
use crate::error::{Error, Kind};
use serde_json::Value;
use std::collections::BTreeMap;

/// Usage types, and the price they are of: a part of a rate, and of which architecture.
const USAGE: [(&str, Part, Option<Architecture>); 5] = [
    ("Fargate-vCPU-Hours:perCPU", Part::Vcpu, Some(Architecture::X86)),
    ("Fargate-GB-Hours", Part::Memory, Some(Architecture::X86)),
    ("Fargate-ARM-vCPU-Hours:perCPU", Part::Vcpu, Some(Architecture::Arm)),
    ("Fargate-ARM-GB-Hours", Part::Memory, Some(Architecture::Arm)),
    // Storage costs the same on both.
    ("Fargate-EphemeralStorage-GB-Hours", Part::Storage, None),
];

/// A part of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Vcpu,
    Memory,
    Storage,
}

/// The parts of a rate that were found.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    vcpu: Option<f64>,
    memory: Option<f64>,
    storage: Option<f64>,
}

/// Prices of Fargate on Linux, gathered item by item.
#[derive(Debug, Clone, Default)]
pub struct Gathered(BTreeMap<String, BTreeMap<Architecture, Found>>);

impl Gathered {
    /// Takes in one item of `PriceList`. What is no price of Fargate on Linux is passed over.
    ///
    /// # Errors
    /// `Ops.InvalidInput` when it is not what a price list has, or two items name different prices for one thing.
    pub fn take(&mut self, item: &str) -> Result<(), Error> {
        let item: Value =
            serde_json::from_str(item).map_err(|problem| invalid(&format!("an item is no JSON: {problem}")))?;
        let attributes = &item["product"]["attributes"];
        let Some(usage) = attributes["usagetype"].as_str() else { return Ok(()) };
        let Some((_, part, architecture)) = USAGE.iter().find(|(name, _, _)| is(usage, name)) else { return Ok(()) };
        let region = attributes["regionCode"].as_str();
        let region = region.ok_or_else(|| invalid(&format!("{usage} has no regionCode")))?;
        let price = on_demand(&item).ok_or_else(|| invalid(&format!("{usage} has no price on demand in USD")))?;
        let both = [Architecture::X86, Architecture::Arm];
        for architecture in both.into_iter().filter(|one| architecture.is_none_or(|wanted| wanted == *one)) {
            let found = self.0.entry(region.to_owned()).or_default().entry(architecture).or_default();
            let slot = match part {
                Part::Vcpu => &mut found.vcpu,
                Part::Memory => &mut found.memory,
                Part::Storage => &mut found.storage,
            };
            if slot.is_some_and(|known| known != price) {
                return Err(invalid(&format!("{usage} in {region} has two prices")));
            }
            *slot = Some(price);
        }
        Ok(())
    }

    /// The rates that are known in full, by region; a region that lacks a part for an architecture does not have it.
    pub fn rates(&self) -> BTreeMap<String, BTreeMap<Architecture, Rate>> {
        let rate = |found: &Found| {
            Some(Rate { vcpu_hour: found.vcpu?, gb_hour: found.memory?, ephemeral_gb_hour: found.storage? })
        };
        let regions = self.0.iter().map(|(region, found)| {
            let rates = found.iter().filter_map(|(architecture, found)| Some((*architecture, rate(found)?)));
            (region.clone(), rates.collect::<BTreeMap<_, _>>())
        });
        regions.filter(|(_, rates)| !rates.is_empty()).collect()
    }
}

/// Whether a usage type is this one behind a region's prefix, such as `USE1-`.
fn is(usage: &str, name: &str) -> bool {
    match usage.strip_suffix(name) {
        Some("") => true,
        Some(prefix) => prefix.ends_with('-') && !prefix.trim_end_matches('-').contains('-'),
        None => false,
    }
}

/// The one price on demand of an item, in US dollars.
fn on_demand(item: &Value) -> Option<f64> {
    let terms = item["terms"]["OnDemand"].as_object()?;
    let dimensions = terms.values().filter_map(|term| term["priceDimensions"].as_object()).flat_map(|map| map.values());
    let mut prices = dimensions.filter_map(|one| one["pricePerUnit"]["USD"].as_str()?.parse::<f64>().ok());
    prices.next().filter(|price| price.is_finite())
}

fn invalid(problem: &str) -> Error {
    Error::new(Kind::InvalidInput, format!("the price list: {problem}: ask pricing:GetProducts again"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::prices;
    use super::*;
    use serde_json::json;

    /// An item in the form that `pricing:GetProducts` answers with `formatVersion` `aws_v1`.
    fn item(usage: &str, region: &str, price: &str) -> String {
        json!({
            "product": {"productFamily": "Compute", "sku": "8CESGAFWKAJ98PME", "attributes": {"usagetype": usage,
                "regionCode": region, "locationType": "AWS Region", "servicecode": "AmazonECS", "tenancy": "Shared",
                "operation": "", "servicename": "Amazon Elastic Container Service"}},
            "serviceCode": "AmazonECS", "version": "20260901000000", "publicationDate": "2026-09-01T00:00:00Z",
            "terms": {"OnDemand": {"8CESGAFWKAJ98PME.JRTCKXETXF": {"sku": "8CESGAFWKAJ98PME", "offerTermCode": "JRTCKXETXF",
                "priceDimensions": {"8CESGAFWKAJ98PME.JRTCKXETXF.6YS6EN2CT7": {"unit": "hours", "beginRange": "0",
                    "endRange": "Inf", "pricePerUnit": {"USD": price}}}}}}
        })
        .to_string()
    }

    fn gathered(items: &[(&str, &str, &str)]) -> Gathered {
        let mut gathered = Gathered::default();
        for (usage, region, price) in items {
            gathered.take(&item(usage, region, price)).unwrap();
        }
        gathered
    }

    #[test]
    fn a_price_list_becomes_rates_and_other_usage_is_passed_over() {
        let gathered = gathered(&[
            ("USE1-Fargate-vCPU-Hours:perCPU", "us-east-1", "0.0404800000"),
            ("USE1-Fargate-GB-Hours", "us-east-1", "0.0044450000"),
            ("USE1-Fargate-EphemeralStorage-GB-Hours", "us-east-1", "0.0001110000"),
            ("USE1-Fargate-Windows-vCPU-Hours:perCPU", "us-east-1", "0.0465520000"),
            ("USE1-ECS-Anywhere-Instance-hours", "us-east-1", "0.0102500000"),
            ("EUC1-Fargate-ARM-vCPU-Hours:perCPU", "eu-central-1", "0.0372500000"),
            ("EUC1-Fargate-ARM-GB-Hours", "eu-central-1", "0.0040900000"),
            ("EUC1-Fargate-EphemeralStorage-GB-Hours", "eu-central-1", "0.0001270000"),
            ("EUC1-Fargate-vCPU-Hours:perCPU", "eu-central-1", "0.0465600000"),
        ]);
        let rates = gathered.rates();
        let x86 = Rate { vcpu_hour: 0.04048, gb_hour: 0.004_445, ephemeral_gb_hour: 0.000_111 };
        assert_eq!(rates["us-east-1"], BTreeMap::from([(Architecture::X86, x86)]));
        let arm = Rate { vcpu_hour: 0.037_25, gb_hour: 0.004_09, ephemeral_gb_hour: 0.000_127 };
        assert_eq!(rates["eu-central-1"], BTreeMap::from([(Architecture::Arm, arm)]), "no memory of X86_64 is known");
        let fresh = prices().with_fargate(rates, "2026-09-01", "the AWS Price List").unwrap();
        assert_eq!(fresh.fargate("eu-central-1", Architecture::Arm).unwrap(), arm);
        assert_eq!(fresh.other("us-east-1"), prices().other("us-east-1"));
    }

    #[test]
    fn an_item_that_contradicts_or_lacks_its_price_is_refused() {
        let mut known = gathered(&[("USE1-Fargate-GB-Hours", "us-east-1", "0.0044450000")]);
        let error = known.take(&item("USE1-Fargate-GB-Hours", "us-east-1", "0.0050000000")).unwrap_err();
        assert!(error.message().contains("USE1-Fargate-GB-Hours in us-east-1 has two prices"), "{error}");
        assert!(known.take("{").unwrap_err().message().contains("an item is no JSON"));
        let unpriced = json!({"product": {"attributes": {"usagetype": "Fargate-GB-Hours", "regionCode": "us-east-1"}}});
        assert!(known.take(&unpriced.to_string()).unwrap_err().message().contains("no price on demand in USD"));
        assert!(known.take("{\"product\": {\"attributes\": {}}}").is_ok());
    }
}

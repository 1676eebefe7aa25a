//! The price list: what Fargate costs, in the list's form of JSON in text.

use serde_json::{Value, json};

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::fleet::costs::{ARM, X86};

/// A product of Fargate: usage type, what is priced (`perCPU`, `perGB`), architecture, US dollars an hour.
struct Product {
    usage: &'static str,
    per: &'static str,
    architecture: Option<&'static str>,
    usd: f64,
}

const PRODUCTS: [Product; 5] = [
    Product { usage: "USE1-Fargate-vCPU-Hours:perCPU", per: "perCPU", architecture: None, usd: X86.0 },
    Product { usage: "USE1-Fargate-GB-Hours", per: "perGB", architecture: None, usd: X86.1 },
    Product { usage: "USE1-Fargate-ARM-vCPU-Hours:perCPU", per: "perCPU", architecture: Some("ARM"), usd: ARM.0 },
    Product { usage: "USE1-Fargate-ARM-GB-Hours", per: "perGB", architecture: Some("ARM"), usd: ARM.1 },
    Product { usage: "USE1-Fargate-EphemeralStorage-GB-Hours", per: "storage", architecture: None, usd: 0.000_111 },
];

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    world.fleet.as_ref()?;
    (operation == "GetProducts").then(|| get_products(input))
}

fn get_products(input: &Input) -> Result<Node, Failure> {
    input.only(&["ServiceCode", "Filters", "FormatVersion", "NextToken", "MaxResults"])?;
    let code = input.required("ServiceCode")?;
    if code != "AmazonECS" {
        return Err(input.invalid(&format!("the sandbox has no prices of {code}; it has those of AmazonECS")));
    }
    let products: Vec<Value> = PRODUCTS.iter().map(document).collect();
    let mut wanted = vec![true; products.len()];
    for filter in input.structures("Filters")? {
        if filter.required("Type")? != "TERM_MATCH" {
            return Err(input.invalid("the sandbox models filters of the type TERM_MATCH only"));
        }
        let (field, value) = (filter.required("Field")?, filter.required("Value")?);
        for (wanted, document) in wanted.iter_mut().zip(&products) {
            let product = &document["product"];
            let found = product["attributes"].get(field).or_else(|| product.get(field)).and_then(Value::as_str);
            *wanted &= found.is_some_and(|found| found.eq_ignore_ascii_case(value));
        }
    }
    let list = products.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(document, _)| document.to_string());
    Ok(Node::Json(json!({ "FormatVersion": "aws_v1", "PriceList": list.collect::<Vec<_>>() })))
}

fn document(product: &Product) -> Value {
    let sku: String =
        product.usage.bytes().filter(u8::is_ascii_uppercase).map(char::from).chain("0FARGATE".chars()).collect();
    let mut attributes = json!({
        "regionCode": "us-east-1",
        "servicecode": "AmazonECS",
        "usagetype": product.usage,
        "locationType": "AWS Region",
        "location": "US East (N. Virginia)",
        "servicename": "Amazon EC2 Container Service",
        "operation": "",
        "tenancy": "Shared",
    });
    match product.per {
        "perCPU" => attributes["cputype"] = json!("perCPU"),
        "perGB" => attributes["memorytype"] = json!("perGB"),
        other => attributes["storagetype"] = json!(other),
    }
    if let Some(architecture) = product.architecture {
        attributes["cpuArchitecture"] = json!(architecture);
    }
    let (offer, rate) = (format!("{sku}.JRTCKXETXF"), format!("{sku}.JRTCKXETXF.6YS6EN2CT7"));
    let dimension = json!({
        "unit": "hours",
        "endRange": "Inf",
        "beginRange": "0",
        "description": format!("AWS Fargate - {} - US East (N.Virginia)", product.usage),
        "appliesTo": [],
        "rateCode": rate,
        "pricePerUnit": { "USD": format!("{:.10}", product.usd) },
    });
    let term = json!({
        "priceDimensions": { rate: dimension },
        "sku": sku,
        "effectiveDate": "2025-12-01T00:00:00Z",
        "offerTermCode": "JRTCKXETXF",
        "termAttributes": {},
    });
    json!({
        "product": { "productFamily": "Compute", "attributes": attributes, "sku": sku },
        "serviceCode": "AmazonECS",
        "terms": { "OnDemand": { offer: term } },
        "version": "20251201000000",
        "publicationDate": "2025-12-01T00:00:00Z",
    })
}

//! Rewrites what `operations/src/price/prices.json` says of Fargate from the AWS Price List: `cargo xtask prices`.
//!
//! Needs credentials that permit `pricing:GetProducts`. The only argument is the file.

use aws_sdk_pricing::config::{Builder, Region};
use aws_sdk_pricing::types::{Filter, FilterType};
use clients::aws::{Patience, configuration};
use clients::{Clock, failure};
use operations::Error;
use operations::error::Kind;
use operations::price::Prices;
use operations::price::list::Gathered;
use operations::time;
use std::path::Path;
use std::process::ExitCode;

/// The price list is asked in one of three regions, and speaks of all.
const REGION: &str = "us-east-1";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("error: name the file to write, operations/src/price/prices.json");
        return ExitCode::FAILURE;
    };
    match refresh(Path::new(&file)).await {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}: {error}", error.name());
            ExitCode::FAILURE
        }
    }
}

async fn refresh(file: &Path) -> Result<String, Error> {
    let of_file = |problem: std::io::Error| {
        Error::new(Kind::ConfigInvalid, format!("{} cannot be read or written: {problem}", file.display()))
    };
    let before = Prices::parse(&std::fs::read_to_string(file).map_err(of_file)?)?;
    let rates = gathered().await?.rates();
    let regions = rates.len();
    let date: String = time::text(Clock::default().now()).chars().take(10).collect();
    let fresh = before.with_fargate(rates, &date, "the AWS Price List")?;
    std::fs::write(file, fresh.text()).map_err(of_file)?;
    Ok(format!("{}: prices of Fargate in {regions} regions as of {date}", file.display()))
}

/// Every page of the price list of ECS.
async fn gathered() -> Result<Gathered, Error> {
    let shared = configuration(&Patience::SHORT.http(), Patience::SHORT).await;
    let client = aws_sdk_pricing::Client::from_conf(Builder::from(&shared).region(Region::new(REGION)).build());
    let mut gathered = Gathered::default();
    let mut next = None;
    loop {
        let filter = Filter::builder().r#type(FilterType::TermMatch).field("servicecode").value("AmazonECS").build();
        let filter = filter.map_err(|problem| Error::new(Kind::InvalidInput, problem.to_string()))?;
        let request = client.get_products().service_code("AmazonECS").filters(filter).format_version("aws_v1");
        let page = request.set_next_token(next).send().await;
        let page = page.map_err(|error| failure::of_sdk("pricing:GetProducts", &error))?;
        for item in page.price_list() {
            gathered.take(item)?;
        }
        next = page.next_token().map(str::to_owned);
        if next.is_none() {
            return Ok(gathered);
        }
    }
}

//! The prices that reports of costs rest on.

use std::path::Path;

use crate::failure::Failure;
use crate::process;

/// The file, from the repository.
const FILE: &str = "operations/src/price/prices.json";

/// Rewrites what the file says of Fargate from the AWS Price List.
pub(crate) fn refresh(root: &Path) -> Result<(), Failure> {
    let example = ["run", "--package", "cost-optimization-analyzer", "--example", "refresh_prices", "--", FILE];
    process::run(process::cargo(root, &example), "cargo run --example refresh_prices")
}

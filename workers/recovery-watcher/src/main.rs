//! Activity worker: watches a recovery until it holds.
fn main() {}

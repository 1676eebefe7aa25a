//! A simulated AWS account with an ECS application in it.
fn main() {}

//! Development commands: demo, test, asl fmt, policies.
fn main() {}

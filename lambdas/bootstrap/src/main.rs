//! The one Lambda binary: picks the function by _HANDLER.
fn main() {}

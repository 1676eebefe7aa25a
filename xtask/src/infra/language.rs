//! Our validator on each definition.

use super::suite::Suite;

/// Every diagnostic of every definition, warnings too.
pub(crate) fn check(suite: &Suite) -> Vec<String> {
    let of_one = |definition: &super::suite::Definition| {
        let found = asl::parse(&definition.text).diagnostics;
        found.iter().map(|diagnostic| format!("{}: {diagnostic}", definition.path)).collect::<Vec<_>>()
    };
    suite.definitions.values().flat_map(of_one).collect()
}

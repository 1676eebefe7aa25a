//! `Parallel`: runs branches at once.

use super::{element, recovery, transition};
use crate::fields::Fields;
use crate::machine::{self, Outer};
use crate::{Machine, Parallel};

pub(super) fn read(fields: &mut Fields<'_>, outer: &Outer) -> Parallel {
    let branches = branches(fields, outer);
    let branches = fields.require("Branches", branches).unwrap_or_default();
    Parallel { branches, recovery: recovery::read(fields), transition: transition(fields) }
}

fn branches(fields: &mut Fields<'_>, outer: &Outer) -> Option<Vec<Machine>> {
    let items = fields.array("Branches")?;
    if items.is_empty() {
        fields.fail("Branches", "Field 'Branches' must have at least one branch");
    }
    let branch = |(index, item)| element(fields, "Branches", index, item).map(|branch| machine::nested(branch, outer));
    Some(items.iter().enumerate().filter_map(branch).collect())
}

//! A release by task sets.

use crate::sides::{Sides, side};
use aws_sdk_ecs::types as ecs;
use clients::read::task_sets;
use operations::deployment::TaskSet;
use operations::deployment::plan::short;

/// Finds the two task sets of a release. `green` and `blue` are their ids where they are known: later in a release green
/// is the primary one.
pub(crate) fn sides(service: &ecs::Service, task_definition: &str, green: Option<&str>, blue: Option<&str>) -> Sides {
    let sets = task_sets::of_service(service);
    let living = |id: &str| sets.iter().find(|set| set.id == id && set.status != "DRAINING");
    let primary = sets.iter().find(|set| set.status == "PRIMARY");
    let new = |set: &&TaskSet| set.status == "ACTIVE" && short(&set.task_definition) == short(task_definition);
    let found = green.map_or_else(|| sets.iter().find(new), living);
    let old = match blue {
        Some(blue) => living(blue),
        None => primary.filter(|primary| Some(primary.id.as_str()) != green),
    };
    let own = [found, old].map(|set| set.map(|set| set.id.as_str()));
    let others = sets.iter().filter(|set| set.status == "ACTIVE" && !own.contains(&Some(set.id.as_str())));
    // A task set that was named and is gone was deleted by somebody.
    let current = green.is_none() || found.is_some();
    Sides {
        current,
        state: if current { "IN_PROGRESS" } else { "DELETED" }.to_owned(),
        blue: old.map(side),
        green: found.map(side),
        task_definition: Some(task_definition.to_owned()),
        others: others.map(|set| set.id.clone()).collect(),
        ..Sides::default()
    }
}

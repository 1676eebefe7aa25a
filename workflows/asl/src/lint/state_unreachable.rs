//! A state that only ways which are never taken lead to.

use super::flow::reached;
use super::{Finding, Scene};

pub(super) fn check(scene: &Scene<'_>) -> Vec<Finding> {
    let machine = scene.machine;
    let mut found = reached(machine, &machine.start_at, &|_, _| true);
    found.insert(&machine.start_at);
    let finding = |name: &std::sync::Arc<str>| {
        let message = "Only rules and catchers that are never taken lead to this state";
        Finding::new(message, format!("{}/States/{name}", scene.location))
    };
    machine.states.keys().filter(|name| !found.contains(&***name)).map(finding).collect()
}

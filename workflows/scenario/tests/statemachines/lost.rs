//! No failure is lost: whatever a task does, each path ends well, is undone, reaches a person or keeps a dead letter.

use asl::{Definition, Kind, Machine};
use scenario::{Explorer, explore};

use super::{Workflow, workflows};

#[test]
fn no_failure_is_lost() {
    let lost = each_workflow(|workflow| {
        let exploration = explore(&workflow.definition(), &workflow.name, &workflow.suite());
        println!("{}: {} paths", workflow.name, exploration.paths);
        exploration.findings.iter().map(ToString::to_string).collect()
    });
    assert!(lost.is_empty(), "{} failures are lost:\n{}", lost.len(), lost.join("\n"));
}

/// The exploration is only worth something if it notices a Catch that is not there. Where a state around the Task catches
/// too, that Catch is taken away with it: until then nothing is lost.
#[test]
fn every_catch_that_is_taken_away_is_missed() {
    let unnoticed = each_workflow(|workflow| {
        let (definition, suite) = (workflow.definition(), workflow.suite());
        let explorer = Explorer::new(&definition, &workflow.name, &suite);
        let unnoticed = |name: &String| {
            let mut without = definition.clone();
            take_away(&mut without.machine, name);
            explorer.on(&without).first_loss(name).is_none()
        };
        let catching = catching(&definition);
        println!("{}: {} Catches taken away", workflow.name, catching.len());
        assert!(!catching.is_empty());
        catching.into_iter().filter(unnoticed).collect()
    });
    assert!(unnoticed.is_empty(), "nobody misses the Catch of:\n{}", unnoticed.join("\n"));
}

/// What `look` says of every workflow, each on a thread of its own.
fn each_workflow(look: impl Fn(&Workflow) -> Vec<String> + Sync) -> Vec<String> {
    let workflows = workflows();
    let named = |workflow: &Workflow| {
        look(workflow).into_iter().map(|said| format!("{}: {said}", workflow.name)).collect::<Vec<_>>()
    };
    let named = &named;
    std::thread::scope(|scope| {
        let threads: Vec<_> = workflows.iter().map(|workflow| scope.spawn(move || named(workflow))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it did not panic")).collect()
    })
}

/// The Tasks with a Catch.
fn catching(definition: &Definition) -> Vec<String> {
    let mut found = Vec::new();
    definition.visit(&mut |visited| {
        if matches!(&visited.state.kind, Kind::Task(task) if !task.recovery.catch.is_empty()) {
            found.push(visited.name.to_string());
        }
    });
    found
}

/// Takes away the Catch of the state `wanted` and of those around it; whether it is in this machine.
fn take_away(machine: &mut Machine, wanted: &str) -> bool {
    let mut taken = false;
    for (name, state) in &mut machine.states {
        let (catch, inside) = match &mut state.kind {
            Kind::Task(task) => (&mut task.recovery.catch, false),
            Kind::Parallel(parallel) => {
                let inside = parallel.branches.iter_mut().any(|branch| take_away(branch, wanted));
                (&mut parallel.recovery.catch, inside)
            }
            Kind::Map(map) => (&mut map.recovery.catch, take_away(&mut map.machine, wanted)),
            _ => continue,
        };
        if inside || &**name == wanted {
            catch.clear();
            taken = true;
        }
    }
    taken
}

//! Whether anything that the demo started outlives it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock;
use crate::failure::Failure;
use crate::process::PAUSE;

/// How long processes may take to disappear.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process; the system gives its id to another one day, but never with the same start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    id: u32,
    start: String,
    name: String,
}

/// These processes and everything below them. Empty where the system has no `/proc`.
pub(crate) fn tree(roots: &[u32]) -> BTreeSet<Seen> {
    let all: Vec<(Seen, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(look)
        .collect();
    let mut inside: BTreeSet<u32> = roots.iter().copied().collect();
    loop {
        let below: Vec<u32> = all
            .iter()
            .filter(|(seen, parent)| inside.contains(parent) && !inside.contains(&seen.id))
            .map(|(seen, _)| seen.id)
            .collect();
        if below.is_empty() {
            return all.into_iter().map(|(seen, _)| seen).filter(|seen| inside.contains(&seen.id)).collect();
        }
        inside.extend(below);
    }
}

/// Fails when one of these still runs after a moment.
pub(crate) fn after(processes: &BTreeSet<Seen>) -> Result<(), Failure> {
    let begin = clock::now();
    loop {
        let left: Vec<String> = processes
            .iter()
            .filter(|process| look(process.id).is_some_and(|(now, _)| now == **process))
            .map(|process| format!("{} ({})", process.name, process.id))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            return Err(Failure::new(format!("still running: {}", left.join(", "))));
        }
        std::thread::sleep(PAUSE);
    }
}

/// A process that is not a zombie, and its parent.
fn look(id: u32) -> Option<(Seen, u32)> {
    parse(id, &std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
}

/// Source: proc_pid_stat(5): the name in parentheses, then state, parent, and the start time as field 22.
fn parse(id: u32, stat: &str) -> Option<(Seen, u32)> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let (state, parent, start) = (*fields.first()?, fields.get(1)?.parse().ok()?, *fields.get(19)?);
    (state != "Z").then(|| (Seen { id, start: start.to_owned(), name: name.to_owned() }, parent))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let tail = "1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9876 0 0";
        let (seen, parent) = parse(7, &format!("7 (a) b (c) S 3 {tail}")).unwrap();
        assert_eq!((seen.name.as_str(), seen.start.as_str(), parent), ("a) b (c", "9876", 3));
        assert_eq!(parse(7, &format!("7 (a) Z 3 {tail}")), None);
    }

    #[test]
    fn a_child_is_seen_until_it_is_gone() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let tree = tree(&[std::process::id()]);
        assert!(tree.iter().any(|seen| seen.id == child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        let only: BTreeSet<Seen> = tree.into_iter().filter(|seen| seen.id == child.id()).collect();
        after(&only).unwrap();
    }
}

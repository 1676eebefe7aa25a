//! Container images: what ECR holds, and how a release behaves in the tasks that run it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How a release behaves; a property of its image tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// As the releases before it.
    #[default]
    Good,
    /// The container exits soon after its start, every time.
    CrashLoop,
    /// The application takes `amount` seconds to start up (default 300).
    SlowStart,
    /// `amount` percent of the requests are answered with 500 (default 5).
    ErrorRate,
    /// A request takes `amount` times as long (default 2.5); the workers wait, so CPU does not grow with it.
    Latency,
    /// Memory grows by `amount` percent points a minute (default 4) until the task is killed.
    MemoryLeak,
}

/// A behaviour and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Conduct {
    behaviour: Behaviour,
    amount: f64,
}

impl Conduct {
    /// A behaviour with its default amount or the one given; the error names the range.
    pub(crate) fn new(behaviour: Behaviour, amount: Option<f64>) -> Result<Self, String> {
        let (default, lowest, highest) = match behaviour {
            Behaviour::Good | Behaviour::CrashLoop => (0.0, 0.0, 0.0),
            Behaviour::SlowStart => (300.0, 1.0, 86_400.0),
            Behaviour::ErrorRate => (5.0, 0.0, 100.0),
            Behaviour::Latency => (2.5, 0.1, 100.0),
            Behaviour::MemoryLeak => (4.0, 0.1, 1_000.0),
        };
        let amount = amount.unwrap_or(default);
        if !(lowest..=highest).contains(&amount) {
            return Err(format!(
                "amount: give a number from {lowest} to {highest} for this behaviour, or leave it out"
            ));
        }
        Ok(Self { behaviour, amount })
    }

    /// Its name.
    pub(crate) const fn behaviour(self) -> Behaviour {
        self.behaviour
    }

    fn amount_of(self, behaviour: Behaviour) -> Option<f64> {
        (self.behaviour == behaviour).then_some(self.amount)
    }

    /// How many times as long a request takes.
    pub(crate) fn slowdown(self) -> f64 {
        self.amount_of(Behaviour::Latency).unwrap_or(1.0)
    }

    /// The share of requests that it fails by itself.
    pub(crate) fn failing(self) -> f64 {
        self.amount_of(Behaviour::ErrorRate).unwrap_or(0.0) / 100.0
    }

    /// Time from container start to answering, milliseconds, where it has its own.
    pub(crate) fn start_up_ms(self) -> Option<i64> {
        self.amount_of(Behaviour::SlowStart).map(|seconds| (seconds * 1000.0) as i64)
    }

    /// Memory that a task gains in a minute, percent points.
    pub(crate) fn leak_per_minute(self) -> f64 {
        self.amount_of(Behaviour::MemoryLeak).unwrap_or(0.0)
    }

    /// Whether its container exits soon after the start.
    pub(crate) fn crashes(self) -> bool {
        self.behaviour == Behaviour::CrashLoop
    }
}

/// An image in ECR.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Image {
    /// Tag.
    pub(crate) tag: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub(crate) digest: String,
    /// When it was pushed.
    pub(crate) pushed_ms: i64,
    /// How it behaves.
    pub(crate) conduct: Conduct,
}

/// What ECR holds: repositories by name, and their images.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry {
    repositories: BTreeMap<String, Vec<Image>>,
}

/// Repository and tag or digest of an image reference; the registry's host does not matter.
pub(crate) fn parse(reference: &str) -> (&str, &str) {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    name.split_once('@').or_else(|| name.split_once(':')).unwrap_or((name, "latest"))
}

/// The digest of what was pushed as this tag.
fn digest(repository: &str, tag: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(format!("{repository}:{tag}"))))
}

impl Registry {
    /// Pushes a tag, or changes how one behaves that is there.
    pub(crate) fn push(&mut self, repository: &str, tag: &str, at_ms: i64, conduct: Conduct) {
        let images = self.repositories.entry(repository.to_owned()).or_default();
        match images.iter_mut().find(|image| image.tag == tag) {
            Some(image) => image.conduct = conduct,
            None => {
                let digest = digest(repository, tag);
                images.push(Image { tag: tag.to_owned(), digest, pushed_ms: at_ms, conduct });
            }
        }
    }

    /// The images of a repository; `None` when there is no such repository.
    pub(crate) fn images(&self, repository: &str) -> Option<&[Image]> {
        self.repositories.get(repository).map(Vec::as_slice)
    }

    /// The image of a tag or digest.
    pub(crate) fn find(&self, repository: &str, wanted: &str) -> Option<&Image> {
        self.images(repository)?.iter().find(|image| image.tag == wanted || image.digest == wanted)
    }

    /// The image that a reference names.
    pub(crate) fn resolve(&self, reference: &str) -> Option<&Image> {
        let (repository, wanted) = parse(reference);
        self.find(repository, wanted)
    }

    /// The names of all repositories.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.repositories.keys().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_with_tag_digest_or_neither() {
        assert_eq!(parse("1.dkr.ecr.us-east-1.amazonaws.com/orders:orders-87"), ("orders", "orders-87"));
        assert_eq!(parse("1.dkr.ecr.us-east-1.amazonaws.com/orders@sha256:ab"), ("orders", "sha256:ab"));
        assert_eq!(parse("orders"), ("orders", "latest"));
    }

    #[test]
    fn a_tag_is_found_by_its_digest_and_may_change_its_conduct() {
        let mut registry = Registry::default();
        registry.push("orders", "one", 5, Conduct::default());
        let digest = registry.find("orders", "one").unwrap().digest.clone();
        assert_eq!(digest.len(), 71);
        registry.push("orders", "one", 9, Conduct::new(Behaviour::ErrorRate, None).unwrap());
        let image = registry.resolve(&format!("host/orders@{digest}")).unwrap();
        assert_eq!((image.tag.as_str(), image.pushed_ms, image.conduct.failing()), ("one", 5, 0.05));
        assert_eq!(registry.resolve("orders:two"), None);
    }

    #[test]
    fn amounts_out_of_range_are_refused() {
        assert!(Conduct::new(Behaviour::ErrorRate, Some(101.0)).is_err_and(|problem| problem.starts_with("amount")));
        assert!(Conduct::new(Behaviour::Latency, Some(f64::NAN)).is_err());
        assert_eq!(Conduct::new(Behaviour::Latency, Some(4.0)).map(Conduct::slowdown), Ok(4.0));
    }
}

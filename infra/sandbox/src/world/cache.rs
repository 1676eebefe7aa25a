//! ElastiCache: one replication group, its node type and replica changes.

/// How long a node type change takes, milliseconds.
const TYPE_CHANGE_MS: i64 = 240_000;
/// How long a new replica takes, milliseconds.
const REPLICA_MS: i64 = 180_000;
/// CPU time of a lookup, milliseconds of one virtual CPU.
const LOOKUP_MS: f64 = 0.05;

/// (node type, virtual CPUs, memory in GiB), smallest first within a family.
pub(crate) const NODE_TYPES: [(&str, u32, f64); 11] = [
    ("cache.t4g.small", 2, 1.37),
    ("cache.t4g.medium", 2, 3.09),
    ("cache.m7g.large", 2, 6.38),
    ("cache.m7g.xlarge", 4, 12.93),
    ("cache.m7g.2xlarge", 8, 26.04),
    ("cache.r7g.large", 2, 13.07),
    ("cache.r7g.xlarge", 4, 26.32),
    ("cache.r7g.2xlarge", 8, 52.82),
    ("cache.r7g.4xlarge", 16, 105.81),
    ("cache.r7g.8xlarge", 32, 209.55),
    ("cache.r7g.16xlarge", 64, 419.1),
];

/// A change under way.
#[derive(Debug, Clone)]
struct Change {
    node_type: String,
    replicas: usize,
    ends_ms: i64,
}

/// A replication group with one shard.
#[derive(Debug, Clone)]
pub(crate) struct ReplicationGroup {
    /// Replication group id.
    pub(crate) id: String,
    /// Node type.
    pub(crate) node_type: String,
    /// Replicas beside the primary.
    pub(crate) replicas: usize,
    /// A node type change that waits for the maintenance window.
    pub(crate) pending_type: Option<String>,
    /// When it was created.
    pub(crate) created_ms: i64,
    /// Data held, GiB.
    pub(crate) data_gib: f64,
    /// Lookups per second beside the application's.
    pub(crate) extra_rate: f64,
    /// Lookups of the last second.
    pub(crate) lookups: f64,
    change: Option<Change>,
}

impl ReplicationGroup {
    /// An available group.
    pub(crate) fn new(id: &str, node_type: &str, replicas: usize, created_ms: i64) -> Self {
        Self {
            id: id.to_owned(),
            node_type: node_type.to_owned(),
            replicas,
            pending_type: None,
            created_ms,
            data_gib: 8.2,
            extra_rate: 0.0,
            lookups: 0.0,
            change: None,
        }
    }

    /// `available` or `modifying`.
    pub(crate) fn status(&self) -> &'static str {
        if self.change.is_some() { "modifying" } else { "available" }
    }

    /// The node type being moved to, if any.
    pub(crate) fn pending(&self) -> Option<&str> {
        let changing = self.change.as_ref().map(|change| change.node_type.as_str());
        changing.filter(|node_type| *node_type != self.node_type).or(self.pending_type.as_deref())
    }

    /// Begins a change of node type.
    pub(crate) fn change_type(&mut self, node_type: &str, now_ms: i64) {
        self.pending_type = None;
        let ends_ms = now_ms + TYPE_CHANGE_MS;
        self.change = Some(Change { node_type: node_type.to_owned(), replicas: self.replicas, ends_ms });
    }

    /// Begins a change of the number of replicas.
    pub(crate) fn change_replicas(&mut self, replicas: usize, now_ms: i64) {
        let ends_ms = now_ms + REPLICA_MS;
        self.change = Some(Change { node_type: self.node_type.clone(), replicas, ends_ms });
    }

    /// One second: a change ends.
    pub(crate) fn tick(&mut self, now_ms: i64) {
        if let Some(change) = self.change.take_if(|change| change.ends_ms <= now_ms) {
            self.node_type = change.node_type;
            self.replicas = change.replicas;
        }
    }

    fn shape(&self) -> (f64, f64) {
        let found = NODE_TYPES.iter().find(|(node_type, ..)| *node_type == self.node_type);
        found.map_or((2.0, 13.07), |(_, cpus, gib)| (f64::from(*cpus), *gib))
    }

    /// Node types it can move to: (larger, smaller), of the same or another family, that hold its data.
    pub(crate) fn allowed_types(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let (_, memory) = self.shape();
        let fits = |gib: f64| self.data_gib < gib * 0.9;
        let larger = NODE_TYPES.iter().filter(|(name, _, gib)| *gib > memory && *name != self.node_type);
        let smaller =
            NODE_TYPES.iter().filter(|(name, _, gib)| *gib <= memory && fits(*gib) && *name != self.node_type);
        (larger.map(|(name, ..)| *name).collect(), smaller.map(|(name, ..)| *name).collect())
    }

    /// CPU, percent.
    pub(crate) fn cpu_percent(&self) -> f64 {
        let (cpus, _) = self.shape();
        (3.0 + self.lookups * LOOKUP_MS / (cpus * 1000.0) * 100.0).min(99.5)
    }

    /// CPU of the single engine thread, percent.
    pub(crate) fn engine_cpu_percent(&self) -> f64 {
        (2.0 + self.lookups * LOOKUP_MS / 10.0).min(99.5)
    }

    /// Memory in use, percent.
    pub(crate) fn memory_percent(&self) -> f64 {
        (self.data_gib / self.shape().1 * 100.0).min(100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_node_type_is_reached_through_modifying() {
        let mut cache = ReplicationGroup::new("catalog-cache", "cache.r7g.large", 1, 0);
        let (larger, smaller) = cache.allowed_types();
        assert!(larger.contains(&"cache.r7g.xlarge") && !larger.contains(&"cache.r7g.large"));
        assert!(!smaller.contains(&"cache.t4g.small"), "the data would not fit");
        let before = cache.memory_percent();
        cache.change_type("cache.r7g.xlarge", 0);
        assert_eq!((cache.status(), cache.pending()), ("modifying", Some("cache.r7g.xlarge")));
        cache.tick(TYPE_CHANGE_MS);
        assert_eq!((cache.status(), cache.pending()), ("available", None));
        assert!(cache.memory_percent() < before * 0.6);
    }
}

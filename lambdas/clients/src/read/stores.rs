//! Databases and caches.

use crate::failure;
use operations::Error;
use operations::error::Kind;
use operations::snapshot::Store;

/// A database instance as described.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// Its state.
    pub store: Store,
    /// The class it is about to have.
    pub pending_class: Option<String>,
    /// Whether a standby takes over during a modification.
    pub multi_az: bool,
    /// The engine, for example `postgres`.
    pub engine: String,
    /// The engine's version.
    pub engine_version: String,
}

/// Describes a database instance.
///
/// # Errors
/// `Ops.ConfigInvalid` when it does not exist; else as [`failure::of_sdk`].
pub async fn database(client: &aws_sdk_rds::Client, id: &str) -> Result<Database, Error> {
    let call = format!("rds:DescribeDBInstances of {id}");
    let answer = client.describe_db_instances().db_instance_identifier(id).send().await;
    let answer = answer.map_err(|error| failure::of_sdk(&call, &error))?;
    let found = answer.db_instances().first().ok_or_else(|| absent("database", id))?;
    let pending = found.pending_modified_values();
    let pending_class = pending.and_then(|values| values.db_instance_class()).map(str::to_owned);
    let others = pending.is_some_and(|values| {
        values.allocated_storage().is_some()
            || values.engine_version().is_some()
            || values.multi_az().is_some()
            || values.iops().is_some()
            || values.storage_type().is_some()
    });
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Ok(Database {
        store: Store {
            status: text(found.db_instance_status()),
            class: text(found.db_instance_class()),
            pending: pending_class.is_some() || others,
        },
        pending_class,
        multi_az: found.multi_az().unwrap_or(false),
        engine: text(found.engine()),
        engine_version: text(found.engine_version()),
    })
}

/// The classes that can be ordered for an engine and version.
///
/// # Errors
/// As [`failure::of_sdk`].
pub async fn orderable(client: &aws_sdk_rds::Client, engine: &str, version: &str) -> Result<Vec<String>, Error> {
    let mut classes = Vec::new();
    let mut marker = None;
    loop {
        let request = client
            .describe_orderable_db_instance_options()
            .engine(engine)
            .engine_version(version)
            .vpc(true)
            .set_marker(marker);
        let page = request.send().await;
        let page = page.map_err(|error| failure::of_sdk("rds:DescribeOrderableDBInstanceOptions", &error))?;
        let options = page.orderable_db_instance_options();
        classes.extend(options.iter().filter_map(|option| option.db_instance_class().map(str::to_owned)));
        marker = page.marker().map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    classes.sort_unstable();
    classes.dedup();
    Ok(classes)
}

/// A replication group as described.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicationGroup {
    /// Its state; the class is the node type.
    pub store: Store,
    /// The ids of its member clusters.
    pub members: Vec<String>,
}

/// Describes a replication group.
///
/// # Errors
/// `Ops.ConfigInvalid` when it does not exist; else as [`failure::of_sdk`].
pub async fn replication_group(client: &aws_sdk_elasticache::Client, id: &str) -> Result<ReplicationGroup, Error> {
    let call = format!("elasticache:DescribeReplicationGroups of {id}");
    let answer = client.describe_replication_groups().replication_group_id(id).send().await;
    let answer = answer.map_err(|error| failure::of_sdk(&call, &error))?;
    let found = answer.replication_groups().first().ok_or_else(|| absent("replication group", id))?;
    // A group's pending values never say node type: while it is resized, its status is not `available`.
    let pending = found.pending_modified_values().is_some_and(|values| {
        values.primary_cluster_id().is_some()
            || values.resharding().is_some()
            || values.automatic_failover_status().is_some()
    });
    Ok(ReplicationGroup {
        store: Store {
            status: found.status().unwrap_or_default().to_owned(),
            class: found.cache_node_type().unwrap_or_default().to_owned(),
            pending,
        },
        members: found.member_clusters().to_vec(),
    })
}

/// The larger node types a replication group may be changed to.
///
/// # Errors
/// As [`failure::of_sdk`].
pub async fn larger_node_types(client: &aws_sdk_elasticache::Client, id: &str) -> Result<Vec<String>, Error> {
    let answer = client.list_allowed_node_type_modifications().replication_group_id(id).send().await;
    let answer = answer.map_err(|error| failure::of_sdk("elasticache:ListAllowedNodeTypeModifications", &error))?;
    Ok(answer.scale_up_modifications().to_vec())
}

fn absent(what: &str, id: &str) -> Error {
    Error::new(Kind::ConfigInvalid, format!("{what} {id} does not exist: correct the catalogue entry"))
}

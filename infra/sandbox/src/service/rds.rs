//! RDS.

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::database::{CLASSES, Event, Instance, Snapshot};
use crate::world::fleet::inventory::IdleDatabase;
use crate::world::{MINUTE_MS, World};

/// How long a snapshot takes, milliseconds.
const SNAPSHOT_MS: i64 = 120_000;
/// How far back events go when nothing is said, minutes.
const EVENT_MINUTES: i64 = 60;

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    if world.fleet.is_some() && operation != "DescribeDBInstances" {
        return None;
    }
    Some(match operation {
        "DescribeDBInstances" => describe(world, input),
        "ModifyDBInstance" => modify(world, input),
        "DescribeOrderableDBInstanceOptions" => describe_orderable(world, input),
        "DescribeEvents" => describe_events(world, input),
        "CreateDBSnapshot" => create_snapshot(world, input),
        "DescribeDBSnapshots" => describe_snapshots(world, input),
        _ => return None,
    })
}

fn check_id(world: &World, id: &str) -> Result<(), Failure> {
    let arn = world.place.arn("rds", &format!("db:{}", world.database.id));
    if id == world.database.id || id == arn {
        return Ok(());
    }
    Err(Failure::new("DBInstanceNotFound", &format!("DBInstance {id} not found.")).with_status(404))
}

fn describe(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["DBInstanceIdentifier", "MaxRecords", "Marker"])?;
    let id = input.text("DBInstanceIdentifier")?;
    let idle = world.fleet.as_deref().map(|fleet| (&fleet.inventory.idle_database, fleet.anchor_ms));
    if let Some((database, anchor_ms)) = idle.filter(|(database, _)| id.is_none_or(|id| id == database.id)) {
        let mut instances = vec![idle_view(world, database, anchor_ms)];
        if id.is_none() {
            instances.insert(0, view(world));
        }
        return Ok(Node::map([("DBInstances", Node::named("DBInstance", instances))]));
    }
    if let Some(id) = id {
        check_id(world, id)?;
    }
    Ok(Node::map([("DBInstances", Node::named("DBInstance", [view(world)]))]))
}

/// The database that nobody uses.
fn idle_view(world: &World, database: &IdleDatabase, anchor_ms: i64) -> Node {
    Node::map([
        ("DBInstanceIdentifier", database.id.into()),
        ("DBInstanceClass", database.class.into()),
        ("Engine", "postgres".into()),
        ("EngineVersion", "15.7".into()),
        ("DBInstanceStatus", "available".into()),
        ("AllocatedStorage", database.storage.into()),
        ("StorageType", "gp2".into()),
        ("InstanceCreateTime", Node::Time(anchor_ms - 520 * 86_400_000)),
        ("AvailabilityZone", format!("{}a", world.place.region).into()),
        ("MultiAZ", false.into()),
        ("DeletionProtection", false.into()),
        ("DBInstanceArn", world.place.arn("rds", &format!("db:{}", database.id)).into()),
    ])
}

fn view(world: &World) -> Node {
    let database = &world.database;
    let zone = |letter: char| format!("{}{letter}", world.place.region);
    let second = if database.zone == 'a' { 'b' } else { 'a' };
    let endpoint = Node::map([
        ("Address", format!("{}.c9akciq32rgz.{}.rds.amazonaws.com", database.id, world.place.region).into()),
        ("Port", 5432_i64.into()),
        ("HostedZoneId", "Z2R2ITUGPM61AM".into()),
    ]);
    Node::map([
        ("DBInstanceIdentifier", database.id.as_str().into()),
        ("DBInstanceClass", database.class.as_str().into()),
        ("Engine", database.engine.as_str().into()),
        ("EngineVersion", database.version.as_str().into()),
        ("DBInstanceStatus", database.status(world.now_ms).into()),
        ("MasterUsername", "orders".into()),
        ("DBName", "orders".into()),
        ("Endpoint", endpoint),
        ("AllocatedStorage", 200_i64.into()),
        ("StorageType", "gp3".into()),
        ("StorageEncrypted", true.into()),
        ("InstanceCreateTime", Node::Time(database.created_ms)),
        ("BackupRetentionPeriod", 7_i64.into()),
        ("PreferredBackupWindow", "03:00-03:30".into()),
        ("PreferredMaintenanceWindow", "sun:04:00-sun:04:30".into()),
        ("AvailabilityZone", zone(database.zone).into()),
        ("SecondaryAvailabilityZone", zone(second).into()),
        ("MultiAZ", true.into()),
        ("PendingModifiedValues", Node::map([("DBInstanceClass", database.pending().into())])),
        ("LicenseModel", "postgresql-license".into()),
        ("PubliclyAccessible", false.into()),
        ("AutoMinorVersionUpgrade", true.into()),
        ("ReadReplicaDBInstanceIdentifiers", Node::named("ReadReplicaDBInstanceIdentifier", [])),
        ("DbiResourceId", database.resource_id.as_str().into()),
        ("DeletionProtection", true.into()),
        ("PerformanceInsightsEnabled", true.into()),
        ("DBInstanceArn", world.place.arn("rds", &format!("db:{}", database.id)).into()),
    ])
}

fn modify(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["DBInstanceIdentifier", "DBInstanceClass", "ApplyImmediately"])?;
    check_id(world, input.required("DBInstanceIdentifier")?)?;
    let now_ms = world.now_ms;
    let status = world.database.status(now_ms);
    if status != "available" {
        let message = format!("Database instance is not in available state: {status}.");
        return Err(Failure::new("InvalidDBInstanceState", &message));
    }
    if let Some(class) = input.text("DBInstanceClass")? {
        if !CLASSES.iter().any(|(known, ..)| *known == class) {
            let message = format!(
                "Invalid DB Instance class: {class}; the sandbox orders db.t4g, db.m6g, db.r6g and db.r7g classes"
            );
            return Err(Failure::new("InvalidParameterValue", &message));
        }
        if class == world.database.class {
            world.database.pending_class = None;
        } else if input.boolean("ApplyImmediately", false)? {
            world.database.modify(class, now_ms);
        } else {
            world.database.pending_class = Some(class.to_owned());
        }
    }
    Ok(Node::map([("DBInstance", view(world))]))
}

fn describe_orderable(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["Engine", "EngineVersion", "DBInstanceClass", "LicenseModel", "Vpc", "MaxRecords", "Marker"])?;
    let engine = input.required("Engine")?;
    let version = input.text("EngineVersion")?;
    let class = input.text("DBInstanceClass")?;
    let known = engine == world.database.engine && version.is_none_or(|version| version == world.database.version);
    let options: Vec<Node> = CLASSES
        .iter()
        .filter(|(name, ..)| known && class.is_none_or(|class| class == *name))
        .map(|(name, ..)| orderable(world, name))
        .collect();
    let size = usize::try_from(input.integer("MaxRecords")?.unwrap_or(100).clamp(20, 10_000)).unwrap_or(100);
    let from: usize = match input.text("Marker")? {
        Some(marker) => marker.parse().map_err(|_| input.invalid("Invalid marker"))?,
        None => 0,
    };
    let total = options.len();
    let page: Vec<Node> = options.into_iter().skip(from).take(size).collect();
    let next = (from + page.len() < total).then(|| (from + page.len()).to_string());
    let options = Node::named("OrderableDBInstanceOption", page);
    Ok(Node::map([("OrderableDBInstanceOptions", options), ("Marker", next.into())]))
}

fn orderable(world: &World, class: &str) -> Node {
    let zones = ["a", "b", "c"].map(|zone| Node::map([("Name", format!("{}{zone}", world.place.region).into())]));
    Node::map([
        ("Engine", world.database.engine.as_str().into()),
        ("EngineVersion", world.database.version.as_str().into()),
        ("DBInstanceClass", class.into()),
        ("LicenseModel", "postgresql-license".into()),
        ("AvailabilityZones", Node::named("AvailabilityZone", zones)),
        ("MultiAZCapable", true.into()),
        ("ReadReplicaCapable", true.into()),
        ("Vpc", true.into()),
        ("SupportsStorageEncryption", true.into()),
        ("StorageType", "gp3".into()),
        ("SupportsIops", true.into()),
        ("SupportsEnhancedMonitoring", true.into()),
        ("SupportsPerformanceInsights", true.into()),
        ("MinStorageSize", 20_i64.into()),
        ("MaxStorageSize", 65_536_i64.into()),
    ])
}

fn describe_events(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&[
        "SourceIdentifier",
        "SourceType",
        "StartTime",
        "EndTime",
        "Duration",
        "EventCategories",
        "MaxRecords",
    ])?;
    let database = &world.database;
    let source = input.text("SourceIdentifier")?;
    let kind = input.text("SourceType")?;
    if source.is_some() && kind.is_none() {
        let message = "The parameter SourceType must be provided when SourceIdentifier is.";
        return Err(Failure::new("InvalidParameterCombination", message));
    }
    let minutes = input.integer("Duration")?.unwrap_or(EVENT_MINUTES);
    let end_ms = input.instant("EndTime")?.unwrap_or(world.now_ms);
    let start_ms = input.instant("StartTime")?.unwrap_or(end_ms - minutes * MINUTE_MS);
    let categories = input.texts("EventCategories")?;
    let ours = source.is_none_or(|source| source == database.id) && kind.is_none_or(|kind| kind == "db-instance");
    let wanted = |event: &&Event| {
        let in_category = categories.is_empty() || categories.contains(&event.category);
        ours && (start_ms..=end_ms).contains(&event.at_ms) && in_category
    };
    let events = database.events.iter().filter(wanted).map(|event| event_view(world, database, event));
    Ok(Node::map([("Events", Node::named("Event", events))]))
}

fn event_view(world: &World, database: &Instance, event: &Event) -> Node {
    Node::map([
        ("SourceIdentifier", database.id.as_str().into()),
        ("SourceType", "db-instance".into()),
        ("Message", event.message.into()),
        ("EventCategories", Node::named("EventCategory", [event.category.into()])),
        ("Date", Node::Time(event.at_ms)),
        ("SourceArn", world.place.arn("rds", &format!("db:{}", database.id)).into()),
    ])
}

fn create_snapshot(world: &mut World, input: &Input) -> Result<Node, Failure> {
    input.only(&["DBInstanceIdentifier", "DBSnapshotIdentifier"])?;
    check_id(world, input.required("DBInstanceIdentifier")?)?;
    // RDS keeps identifiers in small letters.
    let id = input.required("DBSnapshotIdentifier")?.to_lowercase();
    check_snapshot_id(input, &id)?;
    let now_ms = world.now_ms;
    if world.database.snapshots.iter().any(|snapshot| snapshot.id == id) {
        let message = format!("Cannot create the snapshot because a snapshot with the identifier {id} already exists.");
        return Err(Failure::new("DBSnapshotAlreadyExists", &message));
    }
    let status = world.database.status(now_ms);
    if status != "available" {
        let message = format!(
            "Cannot create a snapshot because the database instance is not currently in the available state: {status}."
        );
        return Err(Failure::new("InvalidDBInstanceState", &message));
    }
    let snapshot = Snapshot { id, created_ms: now_ms, available_ms: now_ms + SNAPSHOT_MS };
    world.database.snapshots.push(snapshot.clone());
    world.database.record(now_ms, "Backing up DB instance", "backup");
    Ok(Node::map([("DBSnapshot", snapshot_view(world, &snapshot))]))
}

/// RDS's rule for identifiers: letters, digits and single hyphens, a letter first and no hyphen last.
fn check_snapshot_id(input: &Input, id: &str) -> Result<(), Failure> {
    let letters = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let first = id.starts_with(|first: char| first.is_ascii_alphabetic());
    if letters && first && !id.ends_with('-') && !id.contains("--") && id.len() <= 255 {
        return Ok(());
    }
    let message = format!(
        "The parameter DBSnapshotIdentifier is not a valid identifier. Identifiers must begin with a letter; must \
         contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive \
         hyphens: {id}"
    );
    Err(input.invalid(&message))
}

fn describe_snapshots(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["DBInstanceIdentifier", "DBSnapshotIdentifier", "SnapshotType", "MaxRecords", "Marker"])?;
    // An instance that is not there has no snapshots, which is no error.
    let instance = input.text("DBInstanceIdentifier")?;
    let here = instance.is_none_or(|id| check_id(world, id).is_ok());
    let manual = input.text("SnapshotType")?.is_none_or(|kind| kind == "manual");
    let id = input.text("DBSnapshotIdentifier")?;
    let named = |snapshot: &&Snapshot| id.is_none_or(|id| id.eq_ignore_ascii_case(&snapshot.id));
    let found: Vec<_> = world.database.snapshots.iter().filter(|_| here && manual).filter(named).collect();
    if let (Some(id), true) = (id, found.is_empty()) {
        let message = format!("DBSnapshot {id} not found.");
        return Err(Failure::new("DBSnapshotNotFound", &message).with_status(404));
    }
    let views: Vec<Node> = found.into_iter().map(|snapshot| snapshot_view(world, snapshot)).collect();
    Ok(Node::map([("DBSnapshots", Node::named("DBSnapshot", views))]))
}

fn snapshot_view(world: &World, snapshot: &Snapshot) -> Node {
    let database = &world.database;
    Node::map([
        ("DBSnapshotIdentifier", snapshot.id.as_str().into()),
        ("DBInstanceIdentifier", database.id.as_str().into()),
        ("SnapshotCreateTime", Node::Time(snapshot.created_ms)),
        ("Engine", database.engine.as_str().into()),
        ("EngineVersion", database.version.as_str().into()),
        ("AllocatedStorage", 200_i64.into()),
        ("Status", snapshot.status(world.now_ms).into()),
        ("PercentProgress", snapshot.percent(world.now_ms).into()),
        ("Port", 5432_i64.into()),
        ("SnapshotType", "manual".into()),
        ("Encrypted", true.into()),
        ("DbiResourceId", database.resource_id.as_str().into()),
        ("DBSnapshotArn", world.place.arn("rds", &format!("snapshot:{}", snapshot.id)).into()),
    ])
}

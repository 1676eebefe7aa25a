//! What stands around the fleet and costs money, some of it for nothing.

/// An Elastic IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `eipalloc-...`
    pub(crate) allocation: &'static str,
    /// Public IPv4 address.
    pub(crate) address: &'static str,
    /// The NAT gateway's network interface that it is attached to, if any.
    pub(crate) interface: Option<&'static str>,
}

/// An EBS volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    /// `vol-...`
    pub(crate) id: &'static str,
    /// GiB.
    pub(crate) size: i64,
    /// `gp2`, `gp3`.
    pub(crate) kind: &'static str,
    /// The instance it is attached to, if any.
    pub(crate) instance: Option<&'static str>,
    /// Days before the sandbox's start that it was created.
    pub(crate) age_days: i64,
    /// The `Name` tag.
    pub(crate) name: &'static str,
}

/// A NAT gateway.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NatGateway {
    /// `nat-...`
    pub(crate) id: &'static str,
    /// Its subnet.
    pub(crate) subnet: &'static str,
    /// Its address.
    pub(crate) address: Address,
    /// The share of the traffic to the internet that goes through it.
    pub(crate) share: f64,
}

/// A database that nobody uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdleDatabase {
    /// Identifier.
    pub(crate) id: &'static str,
    /// Class.
    pub(crate) class: &'static str,
    /// GiB.
    pub(crate) storage: i64,
}

/// A load balancer that nobody uses: (name, id).
pub(crate) const IDLE_BALANCER: (&str, &str) = ("legacy-api", "9f1c2d3e4b5a6978");

/// What stands around the fleet.
#[derive(Debug, Clone)]
pub(crate) struct Inventory {
    /// Elastic IP addresses.
    pub(crate) addresses: Vec<Address>,
    /// Volumes.
    pub(crate) volumes: Vec<Volume>,
    /// NAT gateways.
    pub(crate) nat_gateways: Vec<NatGateway>,
    /// The database that nobody uses.
    pub(crate) idle_database: IdleDatabase,
}

impl Inventory {
    /// The seed's.
    pub(super) fn new() -> Self {
        let attached = |allocation, address, interface| Address { allocation, address, interface: Some(interface) };
        let first = attached("eipalloc-0a11ce0000000001", "203.0.113.11", "eni-0b5e55ed00000001");
        let second = attached("eipalloc-0a11ce0000000002", "203.0.113.12", "eni-0b5e55ed00000002");
        let unused = |allocation, address| Address { allocation, address, interface: None };
        let volume = |id, size, kind, instance, age_days, name| Volume { id, size, kind, instance, age_days, name };
        Self {
            addresses: vec![
                first.clone(),
                second.clone(),
                unused("eipalloc-0a11ce0000000003", "203.0.113.57"),
                unused("eipalloc-0a11ce0000000004", "203.0.113.58"),
            ],
            volumes: vec![
                volume("vol-0dec0de0000000001", 500, "gp2", Some("i-0ba5e0000000000001"), 610, "build-cache"),
                volume("vol-0dec0de0000000002", 200, "gp3", None, 240, "legacy-import"),
                volume("vol-0dec0de0000000003", 100, "gp3", Some("i-0ba5e0000000000001"), 610, "build-root"),
            ],
            nat_gateways: vec![
                NatGateway {
                    id: "nat-0facade000000001",
                    subnet: "subnet-0a1b2c3d4e5f60001",
                    address: first,
                    share: 1.0,
                },
                NatGateway {
                    id: "nat-0facade000000002",
                    subnet: "subnet-0a1b2c3d4e5f60002",
                    address: second,
                    share: 0.0,
                },
            ],
            idle_database: IdleDatabase { id: "legacy-reports-db", class: "db.t4g.large", storage: 100 },
        }
    }

    /// A metric of something that is no service: a function of the requests and the tasks of a minute.
    pub(super) fn metric(
        &self,
        namespace: &str,
        metric: &str,
        dimension: &str,
        id: &str,
    ) -> Option<Box<dyn Fn(f64, f64) -> f64>> {
        match (namespace, dimension) {
            ("AWS/RDS", "DBInstanceIdentifier") => database(metric, id == self.idle_database.id)
                .filter(|_| id == "orders-db" || id == self.idle_database.id),
            ("AWS/NATGateway", "NatGatewayId") => {
                let share = self.nat_gateways.iter().find(|gateway| gateway.id == id)?.share;
                nat(metric).map(|bytes| -> Box<dyn Fn(f64, f64) -> f64> {
                    Box::new(move |requests, _| requests * bytes * share)
                })
            }
            ("AWS/Logs", "LogGroupName") => {
                let daily = super::seed::log_volume(id)?.1;
                (metric == "IncomingBytes")
                    .then(|| -> Box<dyn Fn(f64, f64) -> f64> { Box::new(move |_, _| daily * 1e9 / 1440.0) })
            }
            _ => None,
        }
    }
}

/// Bytes per request through a NAT gateway: the calls to payment, mail and maps.
fn nat(metric: &str) -> Option<f64> {
    match metric {
        "BytesOutToDestination" | "BytesInFromSource" => Some(900.0),
        "BytesInFromDestination" | "BytesOutToSource" => Some(3_200.0),
        "ActiveConnectionCount" => Some(0.01),
        _ => None,
    }
}

/// A database's metric, from the requests and the tasks of a minute.
fn database(metric: &str, idle: bool) -> Option<Box<dyn Fn(f64, f64) -> f64>> {
    let used = if idle { 0.0 } else { 1.0 };
    let read: Box<dyn Fn(f64, f64) -> f64> = match metric {
        "CPUUtilization" => Box::new(move |requests, _| 3.0 + used * (9.0 + requests / 60.0 * 0.012)),
        "DatabaseConnections" => Box::new(move |_, tasks| used * (10.0 + 4.0 * tasks)),
        "ReadLatency" => Box::new(move |_, _| used * 0.000_8),
        "WriteLatency" => Box::new(move |_, _| used * 0.001_3),
        "ReadIOPS" => Box::new(move |requests, _| used * requests / 60.0 * 0.3),
        "WriteIOPS" => Box::new(move |requests, _| used * requests / 60.0 * 0.2),
        "FreeableMemory" => Box::new(|_, _| 5.6e9),
        "FreeStorageSpace" => Box::new(|_, _| 8.0e10),
        _ => return None,
    };
    Some(read)
}

//! A host in a process of its own, for tests that kill it: `host FUNCTION-BINARY`. Prints its base URL, then runs
//! until it is killed.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use lambda_host::{Config, Created, Function, LambdaHost, Limits};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let binary = std::env::args_os().nth(1).ok_or("usage: host FUNCTION-BINARY")?;
    let function = Function {
        name: "echo".to_owned(),
        binary: binary.into(),
        timeout: Duration::from_secs(60),
        memory_mb: 256,
        environment: BTreeMap::new(),
        max_concurrency: 10,
        queue: None,
    };
    let host = LambdaHost::start(Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        connections: listener::Options::default(),
        keys: None,
        region: "us-east-1".to_owned(),
        account: "123456789012".to_owned(),
        functions: vec![function],
        common_environment: BTreeMap::new(),
        created: Created {
            folder: None,
            runtimes: std::env::temp_dir().join("stepwright-runtimes"),
            install: false,
            environment: BTreeMap::new(),
            max_concurrency: 10,
        },
        limits: Limits::default(),
    })
    .await?;
    println!("{}", host.url());
    std::future::pending().await
}

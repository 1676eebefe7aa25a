//! The sandbox as a process of its own: a simulated AWS account on one port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::Parser;

/// A simulated AWS account with an ECS application in it, for trying and testing. Not an emulator.
#[derive(Debug, Parser)]
#[command(name = "sandbox", version)]
struct Arguments {
    /// Port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 8085)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Everything random is drawn from this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Virtual seconds per real second.
    #[arg(long, default_value_t = 1.0)]
    time_scale: f64,
    /// The instant at which virtual and real time agree, milliseconds since the Unix epoch; default: now.
    #[arg(long)]
    time_origin: Option<i64>,
    /// Which account: `production` (seconds, incidents and releases) or `fleet` (minutes, weeks of load, scaling, cost).
    #[arg(long, default_value = "production", value_parser = profile)]
    profile: sandbox::Profile,
    /// Days of history behind the start; default: what the profile has.
    #[arg(long)]
    history_days: Option<u32>,
    /// The simulated account.
    #[arg(long, default_value = "123456789012")]
    account: String,
    /// The simulated region.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Host of the Redis that the catalogue's `cache` item points to.
    #[arg(long, env = "REDIS_HOST", default_value = "127.0.0.1")]
    redis_host: String,
    /// Port of that Redis.
    #[arg(long, env = "REDIS_PORT", default_value_t = 6379)]
    redis_port: u16,
    /// First of the six ports on which the load balancer's listeners answer; 0 takes any free ones.
    #[arg(long, default_value_t = 0)]
    traffic_port: u16,
    /// Base URL of the Lambda Invoke API that deployment hooks are called at.
    #[arg(long)]
    lambda_endpoint: Option<String>,
    /// Base URL of the Step Functions API that EventBridge rules start executions at.
    #[arg(long)]
    sfn_endpoint: Option<String>,
    /// File to note in who called what, a line for each kind of call
    #[arg(long, env = "STEPWRIGHT_OBSERVED_CALLS", value_name = "FILE")]
    observed_calls: Option<std::path::PathBuf>,
}

fn profile(name: &str) -> Result<sandbox::Profile, String> {
    sandbox::Profile::named(name).ok_or_else(|| "give production or fleet".to_owned())
}

impl Arguments {
    fn config(self) -> sandbox::Config {
        sandbox::Config {
            listen: SocketAddr::from((self.listen, self.port)),
            seed: self.seed,
            time_scale: self.time_scale,
            time_origin_ms: self.time_origin,
            time_skipped_ms: 0,
            time: sandbox::Time::System,
            profile: self.profile,
            history_days: self.history_days,
            account: self.account,
            region: self.region,
            redis_host: self.redis_host,
            redis_port: self.redis_port,
            traffic_port: self.traffic_port,
            lambda_endpoint: self.lambda_endpoint,
            sfn_endpoint: self.sfn_endpoint,
            access: None,
            observed: self.observed_calls,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), sandbox::Error> {
    let scale = arguments.time_scale;
    let sandbox = sandbox::Sandbox::start(arguments.config()).await?;
    println!("sandbox listening on {} (simulated AWS; time runs {scale}x; control under /_sandbox/)", sandbox.url());
    if let Err(error) = tokio::signal::ctrl_c().await {
        eprintln!("sandbox: cannot wait for Ctrl-C ({error}), stopping");
    }
    sandbox.shutdown().await;
    Ok(())
}

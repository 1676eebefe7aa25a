//! The functions against the sandbox: what they send, what they do when it is there already, and how its faults are
//! named. Time is virtual; Redis and the webhook are small servers of the tests' own, but for TLS and users: there Redis is
//! the installed one.

mod assess;
mod binary;
mod clear_cache;
mod cost_optimization;
#[cfg(test)]
mod deployment;
mod deployment_act;
mod deployment_assess;
mod deployment_hook;
mod notify;
#[cfg(test)]
mod real_redis;
mod redis_secret;
#[cfg(test)]
mod redis_server;
mod restart;
mod scale_up;
mod scaling_optimization;
#[cfg(test)]
mod support;
mod tls;
#[cfg(test)]
mod web_server;

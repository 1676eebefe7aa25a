//! The functions against the sandbox: what they send, what they do when it is there already, and how its faults are
//! named. Time is virtual; Redis and the webhook are small servers of the tests' own.

mod assess;
mod binary;
mod clear_cache;
mod notify;
#[cfg(test)]
mod redis_server;
mod restart;
mod scale_up;
#[cfg(test)]
mod support;
mod tls;
#[cfg(test)]
mod web_server;

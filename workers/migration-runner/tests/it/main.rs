//! The runner against a real PostgreSQL.

#![cfg(test)]

mod applying;
mod backfill;
mod concurrent;
mod crash;
mod ledgers;
mod locks;
mod process;
mod server;
mod stepfunctions;
mod tls;
mod world;

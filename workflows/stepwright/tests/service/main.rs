//! The durable service as a process: killed, out of space, backed up, and under more load than it can take at once.

mod backup;
mod client;
mod disk;
mod draw;
mod history;
mod kill;
mod load;
mod machines;
mod overload;
mod server;
mod world;

//! What operators see, over real HTTP: a server, its API, and a stub of everything that it calls.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod logs;
mod served;
mod stub;

//! What operators see, over real HTTP: a server, its API, and a stub of everything that it calls.

mod logs;
mod served;
mod stub;

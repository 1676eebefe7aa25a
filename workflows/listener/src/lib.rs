//! What stands before every HTTP endpoint of ours, whatever protocol is spoken behind it.
//!
//! - [`serve`] accepts connections and keeps them within bounds, so that slow, idle and hostile clients cannot stop the
//!   others: where there is no room left, the connection that has sent nothing whole for longest makes it.
//! - [`Tls`] encrypts.
//! - [`Keys`] holds requests against AWS's Signature Version 4, with AWS's answers to those that fail.

mod body;
mod clock;
mod connections;
mod key;
mod serve;
mod signature;
mod tls;

pub use body::{Unread, receive};
pub use key::{Key, Keys, KeysError};
pub use serve::{Options, Peer, serve};
pub use signature::{Refused, Scope};
pub use tls::{Tls, TlsError};

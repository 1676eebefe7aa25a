//! Database migrations: which files are pending, whether the ledger and the files agree, and which statements would
//! block or break what runs now.
//!
//! Migrations come in three phases. `expand` only adds, so that the old and the new revision both work; `data` fills
//! what was added; `contract` removes what nothing uses any more. Rolling an application back therefore never needs
//! the schema to be rolled back.

pub mod checksum;
pub mod file;
pub mod ledger;
pub mod lint;
pub mod plan;
pub mod request;
pub mod statement;

pub use file::{Header, Migration, Phase};
pub use plan::{Plan, plan};
pub use request::{Operation, Request};

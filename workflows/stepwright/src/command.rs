//! The commands, one file each.

pub(crate) mod approve;
pub(crate) mod backup;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod redrive;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod test;
pub(crate) mod validate;

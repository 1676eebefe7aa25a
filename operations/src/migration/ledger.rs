//! Ledgers: the table in a database that says which migrations were applied.

use super::checksum::Checksum;
use crate::error::{Error, Kind};

/// Whose table it is. A database that sqlx or refinery began stays theirs, so that those tools can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ledger {
    /// Ours.
    Ours,
    /// sqlx's.
    Sqlx,
    /// refinery's.
    Refinery,
}

impl Ledger {
    /// Every ledger once.
    pub const ALL: [Ledger; 3] = [Ledger::Ours, Ledger::Sqlx, Ledger::Refinery];

    /// The name of its table.
    pub fn table(self) -> &'static str {
        match self {
            Self::Ours => "stepwright_migrations",
            Self::Sqlx => "_sqlx_migrations",
            Self::Refinery => "refinery_schema_history",
        }
    }

    /// The ledger of a database in which these were found; ours where there was none.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` when there are two: which of them is true, only a person knows.
    pub fn of(found: &[Ledger]) -> Result<Ledger, Error> {
        match found {
            [] => Ok(Ledger::Ours),
            [one] => Ok(*one),
            several => {
                let tables: Vec<_> = several.iter().map(|ledger| ledger.table()).collect();
                let problem = format!(
                    "the database has several ledgers of migrations, {}: rename those that are not in use",
                    tables.join(" and ")
                );
                Err(Error::new(Kind::ConfigInvalid, problem))
            }
        }
    }

    /// Whether its tool refuses migrations that are older than the newest applied one, whatever their phase.
    pub fn strict(self) -> bool {
        self == Self::Refinery
    }
}

/// How far a migration has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is done.
    Applied,
    /// It was begun outside a transaction, or in batches, and its end was not recorded.
    Begun,
}

/// A row of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The version.
    pub version: i64,
    /// The name, as the ledger has it.
    pub name: String,
    /// The checksum.
    pub checksum: Checksum,
    /// How far it has come.
    pub state: State,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ledgers_are_no_ledger() {
        assert_eq!(Ledger::of(&[]).unwrap(), Ledger::Ours);
        assert_eq!(Ledger::of(&[Ledger::Sqlx]).unwrap(), Ledger::Sqlx);
        let error = Ledger::of(&[Ledger::Ours, Ledger::Refinery]).unwrap_err();
        assert!(error.message().contains("stepwright_migrations and refinery_schema_history"), "{error}");
    }
}

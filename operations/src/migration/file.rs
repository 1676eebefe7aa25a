//! Migration files: their names and the lines of comment at their head.
//!
//! Names are those of sqlx (`20260102_add_currency.sql`, `….up.sql`, `….down.sql`) or of refinery
//! (`V3__add_currency.sql`). The head is the comment lines before the first statement:
//!
//! | line | meaning |
//! |---|---|
//! | `-- phase: expand` | or `data`, or `contract`; a file that is still to be applied must say |
//! | `-- no-transaction` | the statements cannot run in a transaction: `CREATE INDEX CONCURRENTLY` (sqlx wants this line first) |
//! | `-- lock-timeout: 5s` | how long a statement may wait for a lock; 5 s unless it says, and 30 s at most in a transaction |
//! | `-- statement-timeout: 20min` | how long a statement may run; 60 s unless it says, 30 min without a transaction |
//! | `-- batch: 1000` | the file's one statement runs with `$1` = 1000 until it changes no row |
//! | `-- verify: SELECT …` | a query of one row and one column, which must be `true` when the migration is done; several are possible |

use crate::error::{Error, Kind};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The longest time-out that a head may ask for.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// What a migration is for, in the order in which a deployment runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Adds what the new revision needs and the old one does not notice.
    Expand,
    /// Fills what was added.
    Data,
    /// Removes what only the old revision needed.
    Contract,
}

impl Phase {
    /// The phase of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Expand, Self::Data, Self::Contract].into_iter().find(|phase| phase.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Data => "data",
            Self::Contract => "contract",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What the head of a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// The phase, where one is named.
    pub phase: Option<Phase>,
    /// Whether the statements run outside a transaction.
    pub no_transaction: bool,
    /// How long a statement may wait for a lock.
    pub lock_timeout: Option<Duration>,
    /// How long a statement may run.
    pub statement_timeout: Option<Duration>,
    /// How many rows one run of a batched statement is meant to change, 1 or more.
    pub batch: Option<u32>,
    /// Queries that must answer `true` when the migration is done.
    pub verify: Vec<String>,
}

/// A migration as its file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The version, 0 or greater.
    pub version: i64,
    /// The name, as the file has it.
    pub name: String,
    /// The file's name.
    pub file: String,
    /// The file's text, unchanged.
    pub text: String,
    /// What its head says.
    pub header: Header,
}

impl Migration {
    /// Reads a file. `Ok(None)` for one that is no migration to apply: not SQL, or the way back (`.down.sql`).
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming the file and what is wrong with its name or head.
    pub fn read(file: &str, text: &str) -> Result<Option<Self>, Error> {
        let Some(stem) = file.strip_suffix(".sql") else { return Ok(None) };
        if stem.ends_with(".down") {
            return Ok(None);
        }
        let (version, name) = parse_name(stem.strip_suffix(".up").unwrap_or(stem)).ok_or_else(|| bad_name(file))?;
        let header = Header::parse(text).map_err(|error| error.during(file))?;
        Ok(Some(Self { version, name: name.to_owned(), file: file.to_owned(), text: text.to_owned(), header }))
    }

    /// The phase.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` when the file names none.
    pub fn phase(&self) -> Result<Phase, Error> {
        self.header.phase.ok_or_else(|| {
            let problem = "does not say its phase: begin it with `-- phase: expand`, `-- phase: data` or \
                           `-- phase: contract`";
            Error::new(Kind::ConfigInvalid, format!("{} {problem}", self.file))
        })
    }
}

/// Reads the files of a folder, given as names and texts, into migrations by ascending version.
///
/// # Errors
/// `Ops.ConfigInvalid` for a file that is no migration, and for two files of one version.
pub fn read_all(files: &BTreeMap<String, String>) -> Result<Vec<Migration>, Error> {
    let mut migrations = Vec::new();
    for (file, text) in files {
        migrations.extend(Migration::read(file, text)?);
    }
    migrations.sort_by_key(|migration| migration.version);
    for pair in migrations.windows(2) {
        if pair[0].version == pair[1].version {
            let problem = format!("{} and {} have the same version: renumber one", pair[0].file, pair[1].file);
            return Err(Error::new(Kind::ConfigInvalid, problem));
        }
    }
    Ok(migrations)
}

/// Version and name of a stem: `3_name` or `V3__name`.
fn parse_name(stem: &str) -> Option<(i64, &str)> {
    let (version, name) = match stem.strip_prefix('V') {
        Some(rest) => rest.split_once("__")?,
        None => stem.split_once('_')?,
    };
    let digits = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || name.is_empty() {
        return None;
    }
    Some((version.parse().ok()?, name))
}

fn bad_name(file: &str) -> Error {
    let remedy = "name it <version>_<name>.sql (sqlx; .up.sql and .down.sql too) or V<version>__<name>.sql (refinery)";
    Error::new(Kind::ConfigInvalid, format!("{file} is no name of a migration: {remedy}"))
}

impl Header {
    /// Reads the comment lines before the first statement. Lines with other words are ordinary comments.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` naming the line.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut header = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().map(str::trim).enumerate();
        let comments = lines.take_while(|(_, line)| line.is_empty() || line.starts_with("--"));
        for (index, line) in comments {
            let said = line.trim_start_matches('-').trim();
            header.read(said).map_err(|problem| {
                Error::new(Kind::ConfigInvalid, format!("line {}: `-- {said}`: {problem}", index + 1))
            })?;
        }
        Ok(header)
    }

    fn read(&mut self, said: &str) -> Result<(), &'static str> {
        if said == "no-transaction" {
            self.no_transaction = true;
            return Ok(());
        }
        let Some((word, value)) = said.split_once(':') else { return Ok(()) };
        let value = value.trim();
        match word.trim_end() {
            "phase" => {
                self.phase = Some(Phase::from_name(value).ok_or("the phase must be expand, data or contract")?);
            }
            "lock-timeout" => self.lock_timeout = Some(duration(value)?),
            "statement-timeout" => self.statement_timeout = Some(duration(value)?),
            "batch" => {
                let rows = value.parse().ok().filter(|rows| *rows > 0);
                self.batch = Some(rows.ok_or("the batch must be a whole number of rows, 1 or more")?);
            }
            "verify" if value.is_empty() => return Err("write the query behind it, on the same line"),
            "verify" => self.verify.push(value.trim_end_matches(';').to_owned()),
            _ => {}
        }
        Ok(())
    }
}

/// A time-out: a whole number with `ms`, `s` or `min`.
fn duration(text: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "write the time-out as 500ms, 5s or 10min; from 1ms to 360min";
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().map_err(|_| WRONG)?;
    let milliseconds = match text[digits..].trim() {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "min" => number.checked_mul(60_000),
        _ => None,
    };
    let duration = milliseconds.map(Duration::from_millis);
    // Zero would mean "for ever" to the database.
    duration.filter(|duration| !duration.is_zero() && *duration <= LONGEST).ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Option<(i64, String)> {
        Migration::read(file, "SELECT 1").unwrap().map(|migration| (migration.version, migration.name))
    }

    #[test]
    fn the_names_of_sqlx_and_refinery_are_read() {
        assert_eq!(read("20260102_add_currency.sql"), Some((20_260_102, "add_currency".into())));
        assert_eq!(read("0003_a.up.sql"), Some((3, "a".into())));
        assert_eq!(read("V3__add_currency.sql"), Some((3, "add_currency".into())));
        assert_eq!(read("0003_a.down.sql"), None);
        assert_eq!(read("README.md"), None);
        for wrong in ["currency.sql", "V3_one.sql", "-1_a.sql", "3_.sql", "99999999999999999999_a.sql", "U1__a.sql"] {
            let error = Migration::read(wrong, "").unwrap_err();
            assert!(error.message().starts_with(wrong), "{error}");
            assert_eq!(error.kind(), Kind::ConfigInvalid);
        }
    }

    #[test]
    fn the_head_ends_with_the_first_statement() {
        let text = "\u{feff}-- no-transaction\r\n--phase: expand\r\n\r\n-- why: because\r\n-- lock-timeout: 500ms\r\n\
            -- statement-timeout: 2min\r\n-- verify: SELECT true;\r\n-- verify: SELECT 1 = 1\r\nSELECT 1;\r\n-- batch: 9\r\n";
        let header = Header::parse(text).unwrap();
        assert_eq!(header.phase, Some(Phase::Expand));
        assert!(header.no_transaction);
        assert_eq!(header.lock_timeout, Some(Duration::from_millis(500)));
        assert_eq!(header.statement_timeout, Some(Duration::from_secs(120)));
        assert_eq!(header.verify, ["SELECT true", "SELECT 1 = 1"]);
        assert_eq!(header.batch, None, "it stands behind the first statement");
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (line, part) in [
            ("-- phase: later", "must be expand, data or contract"),
            ("-- batch: 0", "1 or more"),
            ("-- lock-timeout: 5", "500ms, 5s or 10min"),
            ("-- lock-timeout: 0s", "500ms, 5s or 10min"),
            ("-- lock-timeout: 7h", "500ms, 5s or 10min"),
            ("-- statement-timeout: 9999999999999999999min", "500ms, 5s or 10min"),
            ("-- verify:", "write the query"),
        ] {
            let error = Header::parse(&format!("-- a comment\n{line}\n")).unwrap_err();
            assert!(error.message().starts_with("line 2: ") && error.message().contains(part), "{error}");
        }
    }

    #[test]
    fn two_files_of_one_version_are_refused() {
        let files = [("1_a.sql", ""), ("V1__b.sql", ""), ("1_a.down.sql", "")];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let error = read_all(&files).unwrap_err();
        assert!(error.message().contains("1_a.sql and V1__b.sql have the same version"), "{error}");
    }

    #[test]
    fn a_file_without_a_phase_says_what_to_write() {
        let migration = Migration::read("1_a.sql", "SELECT 1").unwrap().unwrap();
        assert!(migration.phase().unwrap_err().message().contains("`-- phase: expand`"));
    }
}

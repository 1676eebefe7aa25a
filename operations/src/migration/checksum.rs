//! Checksums of migrations: ours, and those in the ledgers of sqlx and refinery, computed as those tools do.
//!
//! * Ours is SHA-256 of the text with `\n` line endings, so that a checkout with `\r\n` is no change.
//! * sqlx 0.8: SHA-384 of the text as it is.
//! * refinery 0.10: SipHash-1-3 with a zero key over name, version and text as Rust hashes them: the name's bytes and
//!   0xff, the version as 4 bytes (8 with its feature `int8-versions`), the text's bytes and 0xff.
//!
//! A text that differs from an applied one only in its line endings counts as equal in all three.

use super::file::Migration;
use super::statement;
use sha2::{Digest, Sha256, Sha384};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The checksum of an applied migration, as its ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// Ours: of the whole text, and of its statements without comments and blanks (only to say what changed).
    Ours {
        /// SHA-256 of the text, in hexadecimal.
        text: String,
        /// SHA-256 of the statements, in hexadecimal; empty when unknown.
        statements: String,
    },
    /// SHA-384, as sqlx records it.
    Sqlx(Vec<u8>),
    /// SipHash-1-3, as refinery records it, with the name, which it covers.
    Refinery {
        /// The hash.
        hash: u64,
        /// The name.
        name: String,
        /// Whether versions are 8 bytes wide.
        wide: bool,
    },
}

/// Ours for this migration.
pub fn ours(migration: &Migration) -> Checksum {
    Checksum::Ours { text: sha256(&unix(&migration.text)), statements: statements(&migration.text) }
}

/// What sqlx records for this migration.
pub fn sqlx(text: &str) -> Vec<u8> {
    Sha384::digest(text.as_bytes()).to_vec()
}

/// What refinery records for this migration; `wide` says whether its versions have 8 bytes.
pub fn refinery(name: &str, version: i64, text: &str, wide: bool) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(name.as_bytes());
    hasher.write(&[0xff]);
    match i32::try_from(version) {
        Ok(narrow) if !wide => hasher.write(&narrow.to_le_bytes()),
        _ => hasher.write(&version.to_le_bytes()),
    }
    hasher.write(text.as_bytes());
    hasher.write(&[0xff]);
    hasher.finish()
}

/// How a migration differs from what was applied: `None` when it does not, else what seems to have changed.
pub fn difference(migration: &Migration, applied: &Checksum) -> Option<String> {
    if let Checksum::Refinery { name, .. } = applied
        && *name != migration.name
    {
        return Some(format!("it was applied under the name {name}: give the file that name again"));
    }
    let text = &migration.text;
    if [text.clone(), unix(text), windows(text)].iter().any(|text| is(migration, text, applied)) {
        return None;
    }
    Some(hint(migration, applied).to_owned())
}

/// Whether `text`, under the migration's name and version, is what was applied.
fn is(migration: &Migration, text: &str, applied: &Checksum) -> bool {
    match applied {
        Checksum::Ours { text: known, .. } => *known == sha256(&unix(text)),
        Checksum::Sqlx(known) => *known == sqlx(text),
        Checksum::Refinery { hash, name, wide } => *hash == refinery(name, migration.version, text, *wide),
    }
}

fn hint(migration: &Migration, applied: &Checksum) -> &'static str {
    let text = unix(&migration.text);
    let end = text.trim_end().to_owned();
    let bare = text.strip_prefix('\u{feff}').map(str::to_owned);
    let marked = format!("\u{feff}{text}");
    let ends = [end.clone(), format!("{end}\n"), format!("{end}\n\n")];
    let is = |text: &String| is(migration, text, applied) || is(migration, &windows(text), applied);
    if ends.iter().any(is) {
        return "only blank lines at its end changed: restore them";
    }
    if bare.iter().chain([&marked]).any(is) {
        return "only a byte order mark at its beginning changed: restore it";
    }
    match applied {
        Checksum::Ours { statements: known, .. } if !known.is_empty() && *known == statements(&text) => {
            "only comments or white space changed, no statement: restore the file"
        }
        Checksum::Ours { .. } => "its statements changed: restore the file and put the change into a new migration",
        _ => "its text changed: restore the file and put the change into a new migration",
    }
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// The checksum of the statements alone; empty for a text that cannot be cut into tokens.
fn statements(text: &str) -> String {
    statement::words(text).map(|words| sha256(&words.join("\u{0}"))).unwrap_or_default()
}

fn unix(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn windows(text: &str) -> String {
    unix(text).replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "-- phase: expand\nALTER TABLE orders ADD COLUMN currency text;\n";

    fn migration(text: &str) -> Migration {
        Migration::read("V7__add_currency.sql", text).unwrap().unwrap()
    }

    fn recorded(text: &str) -> [Checksum; 4] {
        let refinery = |wide| Checksum::Refinery {
            hash: refinery("add_currency", 7, text, wide),
            name: "add_currency".into(),
            wide,
        };
        [ours(&migration(text)), Checksum::Sqlx(sqlx(text)), refinery(false), refinery(true)]
    }

    #[test]
    fn sqlx_and_refinery_compute_the_same() {
        // As `sqlx::migrate::Migration::new` 0.8.6 and `refinery_core::Migration::unapplied` 0.10.1 compute them.
        let theirs = "1d6708ea0e295aa57bd80f7be2480822324a209d9cde6a07d6c5f2cd9269ba5becf6cb93f627f6af6c22602ced3956a3";
        assert_eq!(hex::encode(sqlx(TEXT)), theirs);
        assert_eq!(refinery("add_currency", 7, TEXT, false), 17_222_499_274_669_166_913);
        // With refinery's feature `int8-versions`.
        assert_eq!(refinery("add_currency", 7, TEXT, true), 1_481_128_524_945_917_913);
    }

    #[test]
    fn line_endings_are_no_difference_in_any_ledger() {
        let windows = TEXT.replace('\n', "\r\n");
        for (applied, now) in [(TEXT, TEXT), (TEXT, &*windows), (&*windows, TEXT), (&*windows, &*windows)] {
            for checksum in recorded(applied) {
                assert_eq!(difference(&migration(now), &checksum), None, "{checksum:?}");
            }
        }
    }

    #[test]
    fn a_change_is_found_in_every_ledger_and_described() {
        for checksum in recorded(TEXT) {
            let changed = difference(&migration(&TEXT.replace("text", "varchar")), &checksum).unwrap();
            assert!(changed.contains("put the change into a new migration"), "{changed}");
            let blank = difference(&migration(&format!("{TEXT}\n\n\n")), &checksum).unwrap();
            assert!(blank.contains("only blank lines at its end"), "{blank}");
            let mark = difference(&migration(&format!("\u{feff}{TEXT}")), &checksum).unwrap();
            assert!(mark.contains("byte order mark"), "{mark}");
        }
        let comment = TEXT.replace("ALTER TABLE", "-- a word\nALTER  TABLE");
        let hint = difference(&migration(&comment), &recorded(TEXT)[0]).unwrap();
        assert!(hint.starts_with("only comments or white space changed"), "{hint}");
    }

    #[test]
    fn a_renamed_file_is_told_where_the_ledger_covers_names() {
        let hash = refinery("old_name", 7, TEXT, false);
        let applied = Checksum::Refinery { hash, name: "old_name".into(), wide: false };
        let hint = difference(&migration(TEXT), &applied);
        assert!(hint.unwrap().contains("under the name old_name"));
    }
}

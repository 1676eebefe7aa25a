//! What is to be applied: the ledger compared with the files.

use super::checksum;
use super::file::{Migration, Phase};
use super::ledger::{Ledger, Row, State};
use super::statement;
use crate::error::{Error, Kind};
use std::collections::BTreeMap;

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// The migrations of the phase that are to be applied, by ascending version.
    pub pending: Vec<&'a Migration>,
    /// Those of `pending` that an earlier run began.
    pub begun: Vec<i64>,
    /// How many migrations, of all phases, the ledger has as applied.
    pub already_applied: usize,
}

/// Compares the ledger with the files, which are given by ascending version.
///
/// A migration is out of order when a newer one of its phase has been applied; with refinery's ledger, whose own tool
/// is stricter, a newer one of any phase. It has to wait when an older one of an earlier phase is pending.
///
/// # Errors
/// In this order: `Migrate.VersionMissing`, `Migrate.ChecksumMismatch`, `Migrate.Dirty`, `Ops.ConfigInvalid` for a
/// pending file without a phase, `Migrate.OutOfOrder` unless that is allowed, `Ops.PreconditionFailed` for one that
/// has to wait.
pub fn plan<'a>(
    ledger: Ledger,
    files: &'a [Migration],
    rows: &[Row],
    phase: Phase,
    allow_out_of_order: bool,
) -> Result<Plan<'a>, Error> {
    let known: BTreeMap<i64, &Row> = rows.iter().map(|row| (row.version, row)).collect();
    missing(files, rows)?;
    changed(files, &known)?;
    dirty(files, &known)?;
    let applied = |migration: &Migration| known.get(&migration.version).is_some_and(|row| row.state == State::Applied);
    let mut pending = Vec::new();
    for migration in files.iter().filter(|migration| !applied(migration)) {
        pending.push((migration, migration.phase()?));
    }
    let done: Vec<_> = files.iter().filter(|migration| applied(migration)).collect();
    for (migration, own) in pending.iter().filter(|(_, own)| *own == phase) {
        if !allow_out_of_order {
            in_order(ledger, migration, *own, &done)?;
        }
        after_earlier_phases(ledger, migration, *own, &pending)?;
    }
    let pending: Vec<_> =
        pending.into_iter().filter(|(_, own)| *own == phase).map(|(migration, _)| migration).collect();
    let begun =
        pending.iter().map(|migration| migration.version).filter(|version| known.contains_key(version)).collect();
    Ok(Plan { pending, begun, already_applied: done.len() })
}

fn missing(files: &[Migration], rows: &[Row]) -> Result<(), Error> {
    let has = |version: i64| files.iter().any(|migration| migration.version == version);
    let gone: Vec<_> = rows.iter().filter(|row| !has(row.version)).map(title).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "{} in the database but not in the folder: deploy with the complete folder; never delete an applied migration",
        listed(&gone)
    );
    Err(Error::new(Kind::MigrateVersionMissing, problem))
}

fn changed(files: &[Migration], known: &BTreeMap<i64, &Row>) -> Result<(), Error> {
    let differences = files.iter().filter_map(|migration| {
        let row = known.get(&migration.version)?;
        let hint = checksum::difference(migration, &row.checksum)?;
        Some(format!("{}: {hint}", migration.file))
    });
    let differences: Vec<_> = differences.collect();
    if differences.is_empty() {
        return Ok(());
    }
    let problem = format!("edited after it was applied: {}", differences.join("; "));
    Err(Error::new(Kind::MigrateChecksumMismatch, problem))
}

fn dirty(files: &[Migration], known: &BTreeMap<i64, &Row>) -> Result<(), Error> {
    let begun = |migration: &&Migration| known.get(&migration.version).is_some_and(|row| row.state == State::Begun);
    match files.iter().filter(begun).find(|migration| !statement::resumes(migration)) {
        None => Ok(()),
        Some(migration) => Err(Error::new(
            Kind::MigrateDirty,
            format!(
                "{} stopped half-way, and its statements cannot be repeated blindly: finish or undo them by hand, then \
                 mark it as applied in the ledger or delete its row there",
                migration.file
            ),
        )),
    }
}

fn in_order(ledger: Ledger, migration: &Migration, phase: Phase, done: &[&Migration]) -> Result<(), Error> {
    let counts = |other: &&&Migration| ledger.strict() || other.header.phase == Some(phase);
    let newer = done.iter().filter(|other| other.version > migration.version).find(counts);
    let Some(newer) = newer else { return Ok(()) };
    let problem = format!(
        "{} is pending, but the newer {} has been applied: give it a version above {}, or pass allowOutOfOrder when \
         their order does not matter",
        migration.file, newer.file, newer.version
    );
    Err(Error::new(Kind::MigrateOutOfOrder, problem))
}

fn after_earlier_phases(
    ledger: Ledger,
    migration: &Migration,
    phase: Phase,
    pending: &[(&Migration, Phase)],
) -> Result<(), Error> {
    let waits_for = |(other, own): &&(&Migration, Phase)| {
        other.version < migration.version && (*own < phase || (ledger.strict() && *own != phase))
    };
    let Some((other, own)) = pending.iter().find(waits_for) else { return Ok(()) };
    let problem = format!("{} has to wait for {}: run phase {own} first", migration.file, other.file);
    Err(Error::new(Kind::PreconditionFailed, problem))
}

/// What the operation `verify` answers: an error when anything of the phase is pending.
///
/// # Errors
/// `Ops.PreconditionFailed` listing what is pending.
pub fn nothing_pending(plan: &Plan<'_>, phase: Phase) -> Result<(), Error> {
    if plan.pending.is_empty() {
        return Ok(());
    }
    let files: Vec<_> = plan.pending.iter().map(|migration| migration.file.clone()).collect();
    let problem = format!("phase {phase} is not complete: {} pending: apply it first", listed(&files));
    Err(Error::new(Kind::PreconditionFailed, problem))
}

fn title(row: &Row) -> String {
    if row.name.is_empty() { row.version.to_string() } else { format!("{} {}", row.version, row.name) }
}

fn listed(items: &[String]) -> String {
    let verb = if items.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: i64, head: &str) -> Migration {
        let text = format!("-- phase: {head}\nSELECT {version};\n");
        Migration::read(&format!("{version}_m.sql"), &text).unwrap().unwrap()
    }

    fn row(migration: &Migration, state: State) -> Row {
        Row { version: migration.version, name: "m".into(), checksum: checksum::ours(migration), state }
    }

    fn versions(plan: &Plan<'_>) -> Vec<i64> {
        plan.pending.iter().map(|migration| migration.version).collect()
    }

    #[test]
    fn only_the_phase_is_pending_in_order() {
        let files = [file(1, "expand"), file(2, "data"), file(3, "contract"), file(4, "expand")];
        let rows = [row(&files[0], State::Applied)];
        let expand = plan(Ledger::Ours, &files, &rows, Phase::Expand, false).unwrap();
        assert_eq!((versions(&expand), expand.already_applied), (vec![4], 1));
        assert_eq!(versions(&plan(Ledger::Ours, &files, &rows, Phase::Data, false).unwrap()), [2]);
        let error = plan(Ledger::Ours, &files, &rows, Phase::Contract, false).unwrap_err();
        assert_eq!(error.message(), "3_m.sql has to wait for 2_m.sql: run phase data first");
        let error = nothing_pending(&expand, Phase::Expand).unwrap_err();
        assert_eq!(error.message(), "phase expand is not complete: 4_m.sql is pending: apply it first");
    }

    #[test]
    fn what_disagrees_with_the_ledger_is_named() {
        let files = [file(1, "expand"), file(2, "expand"), file(3, "expand")];
        let error =
            |files: &[Migration], rows: &[Row]| plan(Ledger::Ours, files, rows, Phase::Expand, false).unwrap_err();
        let missing = error(&files[1..], &[row(&files[0], State::Applied)]);
        assert_eq!(missing.kind(), Kind::MigrateVersionMissing);
        assert!(missing.message().starts_with("1 m is in the database but not in the folder"), "{missing}");
        let late = error(&files, &[row(&files[0], State::Applied), row(&files[2], State::Applied)]);
        assert_eq!(late.kind(), Kind::MigrateOutOfOrder);
        assert!(late.message().starts_with("2_m.sql is pending, but the newer 3_m.sql"), "{late}");
        let dirty = error(&files, &[row(&files[0], State::Begun)]);
        assert_eq!(dirty.kind(), Kind::MigrateDirty);
        let edited = Migration::read("1_m.sql", "-- phase: expand\nSELECT 9;").unwrap().unwrap();
        let changed = error(&[edited], &[row(&files[0], State::Applied)]);
        assert_eq!(changed.kind(), Kind::MigrateChecksumMismatch);
        assert!(changed.message().contains("1_m.sql: its statements changed"), "{changed}");
    }

    #[test]
    fn out_of_order_can_be_allowed_and_counts_within_a_phase_only() {
        let files = [file(1, "contract"), file(2, "expand"), file(3, "expand")];
        let rows = [row(&files[2], State::Applied)];
        assert_eq!(versions(&plan(Ledger::Ours, &files, &rows, Phase::Expand, true).unwrap()), [2]);
        let rows = [row(&files[1], State::Applied), row(&files[2], State::Applied)];
        assert_eq!(versions(&plan(Ledger::Ours, &files, &rows, Phase::Contract, false).unwrap()), [1]);
        let strict = plan(Ledger::Refinery, &files, &rows, Phase::Contract, false).unwrap_err();
        assert_eq!(strict.kind(), Kind::MigrateOutOfOrder);
        let strict = plan(Ledger::Refinery, &files, &[], Phase::Expand, false).unwrap_err();
        assert_eq!(strict.message(), "2_m.sql has to wait for 1_m.sql: run phase contract first");
    }

    #[test]
    fn what_was_begun_and_can_be_repeated_is_pending() {
        let files = [file(1, "data\n-- batch: 10")];
        let plan = plan(Ledger::Ours, &files, &[row(&files[0], State::Begun)], Phase::Data, false).unwrap();
        assert_eq!((versions(&plan), plan.begun, plan.already_applied), (vec![1], vec![1], 0));
    }

    #[test]
    fn only_pending_files_need_a_phase() {
        let old = Migration::read("1_old.sql", "SELECT 1").unwrap().unwrap();
        let rows = [row(&old, State::Applied)];
        let files = [old];
        assert!(plan(Ledger::Ours, &files, &rows, Phase::Expand, false).unwrap().pending.is_empty());
        let error = plan(Ledger::Ours, &files, &[], Phase::Expand, false).unwrap_err();
        assert!(error.message().starts_with("1_old.sql does not say its phase"), "{error}");
    }
}

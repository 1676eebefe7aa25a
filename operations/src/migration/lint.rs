//! Statements that would block or break what runs now.
//!
//! Two kinds of harm: a statement *breaks* when the running revision needs what it takes away (judged in phase
//! `expand`, and in phase `data`, which only moves data); it *blocks* when reads or writes wait behind it for as long
//! as a table is scanned, rewritten or indexed (judged in every phase). A statement that is not understood is refused
//! unless the comment `-- unchecked: <reason>` stands right before it: what is unknown is never good. That a statement
//! waits for its own lock no longer than `lock_timeout` is the runner's part.

mod rewrite;
mod rules;
mod table;

use super::file::{Migration, Phase};
use super::statement::{self, Statement, stored};
use crate::error::{Error, Kind};
use rules::Rule;
use sqlparser::ast::{self, ObjectName, Statement as Sql};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

/// A table with more rows than this takes too long to index while writes wait.
pub const LARGE: u64 = 100_000;
/// The longest time that a statement in a transaction may wait for a lock.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How many findings an error lists.
const LISTED: usize = 10;

/// A check constraint of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// As `pg_get_constraintdef` writes it.
    pub definition: String,
    /// Whether all rows are known to keep it.
    pub validated: bool,
}

/// What is known of a table that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// How many rows it has; counting may stop above [`LARGE`]. Unknown counts as many.
    pub rows: Option<u64>,
    /// The types of its columns, as `format_type` writes them.
    pub columns: BTreeMap<String, String>,
    /// Its check constraints.
    pub checks: Vec<Check>,
}

/// What is known of the database: the existing tables among those of [`tables`], by the same keys.
pub type Facts = BTreeMap<String, Table>;

/// A statement that must not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// The file.
    pub file: String,
    /// The line on which the statement begins.
    pub line: u64,
    /// The statement's beginning; empty when the finding is about the head of the file.
    pub statement: String,
    /// What it would do.
    pub why: String,
    /// What to do instead.
    pub cure: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, file, line, statement, why, cure } = self;
        write!(formatter, "{file} line {line}: `{statement}` {why} [{rule}]. Instead: {cure}")
    }
}

/// The tables whose facts [`lint`] needs, by key, each as the statements name it.
pub fn tables(pending: &[&Migration]) -> BTreeMap<String, String> {
    let mut tables = BTreeMap::new();
    for migration in pending {
        for statement in statement::split(&migration.text).unwrap_or_default() {
            let name = match &statement.parsed {
                Ok(Sql::AlterTable(alter)) => &alter.name,
                Ok(Sql::CreateIndex(create)) => &create.table_name,
                Ok(Sql::CreateTable(create)) => &create.name,
                _ => continue,
            };
            tables.insert(key(name), name.to_string());
        }
    }
    tables
}

/// Judges the pending migrations of one phase, in the order in which they would be applied.
pub fn lint(pending: &[&Migration], phase: Phase, facts: &Facts) -> Vec<Finding> {
    let mut linter = Linter { phase, facts, created: BTreeSet::new(), checks: BTreeMap::new(), findings: Vec::new() };
    for migration in pending {
        linter.migration(migration);
    }
    linter.findings
}

/// The findings as one error.
///
/// # Errors
/// `Migrate.UnsafeStatement` when there are any.
pub fn refuse(findings: &[Finding]) -> Result<(), Error> {
    if findings.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<_> = findings.iter().take(LISTED).map(ToString::to_string).collect();
    if findings.len() > LISTED {
        lines.push(format!("and {} more", findings.len() - LISTED));
    }
    Err(Error::new(Kind::MigrateUnsafeStatement, format!("nothing was applied: {}", lines.join("; "))))
}

/// A column that a check constraint keeps from being null.
#[derive(Debug, Clone)]
struct NotNull {
    column: String,
    validated: bool,
    /// The file that adds it; none for one that was there before.
    added: Option<String>,
}

struct Linter<'a> {
    phase: Phase,
    facts: &'a Facts,
    /// Tables that the pending migrations create: nothing uses them yet.
    created: BTreeSet<String>,
    /// By table and name of the constraint.
    checks: BTreeMap<(String, String), NotNull>,
    findings: Vec<Finding>,
}

/// Where we are.
#[derive(Clone, Copy)]
struct Here<'a> {
    migration: &'a Migration,
    statement: &'a Statement,
}

impl Linter<'_> {
    fn migration(&mut self, migration: &Migration) {
        let statements = match statement::split(&migration.text) {
            Ok(statements) => statements,
            Err(problem) => return self.head(migration, rules::UNPARSED, format!("is no SQL: {problem}")),
        };
        for query in &migration.header.verify {
            if !matches!(statement::parse_one(query), Some(Sql::Query(_))) {
                self.head(migration, rules::VERIFY, format!("has `-- verify: {query}`, which is not one query"));
            }
        }
        self.batch(migration, &statements);
        let waits = migration.header.lock_timeout.filter(|_| !migration.header.no_transaction);
        if waits.is_some_and(|waits| waits > LONGEST_WAIT) {
            self.head(
                migration,
                rules::LOCK_TIMEOUT,
                format!("has a `-- lock-timeout` that {}", rules::LOCK_TIMEOUT.why),
            );
        }
        for statement in &statements {
            self.statement(Here { migration, statement });
        }
    }

    fn head(&mut self, migration: &Migration, rule: Rule, why: String) {
        let file = migration.file.clone();
        self.findings.push(Finding { rule: rule.name, file, line: 1, statement: String::new(), why, cure: rule.cure });
    }

    /// A finding, unless the rule does not count in this phase.
    fn find(&mut self, here: Here<'_>, rule: Rule, detail: &str) {
        if rule.breaks_only && self.phase == Phase::Contract {
            return;
        }
        let why = if detail.is_empty() { rule.why.to_owned() } else { format!("{} ({detail})", rule.why) };
        self.findings.push(Finding {
            rule: rule.name,
            file: here.migration.file.clone(),
            line: here.statement.line,
            statement: here.statement.excerpt(),
            why,
            cure: rule.cure,
        });
    }

    fn statement(&mut self, here: Here<'_>) {
        let sql = match &here.statement.parsed {
            Ok(sql) => sql,
            Err(problem) => return self.not_understood(here, problem),
        };
        if self.phase == Phase::Data && !is_data(sql) {
            return self.find(here, rules::NOT_DATA, "");
        }
        self.nested(here, sql);
        match sql {
            Sql::AlterTable(alter) => self.alter_table(here, alter),
            Sql::CreateTable(create) => self.create_table(create),
            Sql::CreateIndex(create) => self.create_index(here, create),
            Sql::AlterType(alter) if !matches!(alter.operation, ast::AlterTypeOperation::AddValue(_)) => {
                self.find(here, rules::RENAME, "");
            }
            Sql::AlterIndex { .. } => self.find(here, rules::RENAME, ""),
            Sql::Drop { object_type: ast::ObjectType::Table, names, .. }
                if names.iter().all(|name| self.created.contains(&key(name))) => {}
            Sql::Truncate(truncate) if truncate.table_names.iter().all(|table| self.is_new(&key(&table.name))) => {}
            Sql::Truncate(_) => self.find(here, rules::TRUNCATE, ""),
            Sql::StartTransaction { .. } | Sql::Commit { .. } | Sql::Rollback { .. } => {
                self.find(here, rules::TRANSACTION, "");
            }
            Sql::Set(set) if !is_local(set) => self.find(here, rules::SESSION, ""),
            sql if is_drop(sql) => self.find(here, rules::DROP, ""),
            sql if is_harmless(sql) => {}
            _ if here.statement.marked => {}
            _ => self.find(here, rules::UNKNOWN, ""),
        }
    }

    /// A statement that the parser does not know. Even where it is marked, it must not take anything away.
    fn not_understood(&mut self, here: Here<'_>, problem: &str) {
        if !here.statement.marked {
            return self.find(here, rules::UNPARSED, problem);
        }
        let words = statement::words(&here.statement.text).unwrap_or_default();
        let takes_away = ["DROP", "TRUNCATE", "RENAME"];
        if let Some(word) = words.iter().find(|word| takes_away.iter().any(|other| word.eq_ignore_ascii_case(other))) {
            self.find(here, rules::DROP, &format!("{word}; the parser says: {problem}"));
        }
    }

    /// Changes of whole tables, also those inside WITH.
    fn nested(&mut self, here: Here<'_>, sql: &Sql) {
        let mut bare = false;
        let _ = ast::visit_statements(sql, |inner| {
            bare |= match inner {
                Sql::Update(update) => update.selection.is_none() && !self.is_new(&key_of(&update.table)),
                Sql::Delete(delete) => delete.selection.is_none() && !self.deletes_from_new(delete),
                _ => false,
            };
            ControlFlow::<()>::Continue(())
        });
        if bare {
            self.find(here, rules::NO_WHERE, "");
        }
    }

    fn deletes_from_new(&self, delete: &ast::Delete) -> bool {
        let (ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from)) = &delete.from;
        !from.is_empty() && from.iter().all(|table| self.is_new(&key_of(table)))
    }

    /// What `-- batch` asks of its file.
    fn batch(&mut self, migration: &Migration, statements: &[Statement]) {
        if migration.header.batch.is_none() {
            return;
        }
        let one = match statements {
            [one] => one.changes_rows(),
            _ => false,
        };
        let limited = statements.iter().all(|statement| {
            statement::words(&statement.text).is_some_and(|words| words.iter().any(|word| word == "$1"))
        });
        if !one || !limited || self.phase != Phase::Data || migration.header.no_transaction {
            self.head(migration, rules::BATCH, "has `-- batch`, but is not one statement with $1 of phase data".into());
        }
    }

    /// Whether nothing uses the table yet.
    fn is_new(&self, table: &str) -> bool {
        self.created.contains(table)
    }
}

/// The key of a table: its name as PostgreSQL stores it, without the schema `public`.
fn key(name: &ObjectName) -> String {
    let part = |part: &ast::ObjectNamePart| part.as_ident().map_or_else(|| part.to_string(), stored);
    let parts: Vec<_> = name.0.iter().map(part).collect();
    let parts = if parts.len() > 1 && parts[0] == "public" { &parts[1..] } else { &parts[..] };
    parts.join(".")
}

fn key_of(table: &ast::TableWithJoins) -> String {
    match &table.relation {
        ast::TableFactor::Table { name, .. } => key(name),
        _ => String::new(),
    }
}

fn is_local(set: &ast::Set) -> bool {
    matches!(set, ast::Set::SingleAssignment { scope: Some(ast::ContextModifier::Local), .. })
}

fn is_data(sql: &Sql) -> bool {
    matches!(sql, Sql::Query(_) | Sql::Insert(_) | Sql::Update(_) | Sql::Delete(_) | Sql::Merge(_) | Sql::Analyze(_))
        || matches!(sql, Sql::Set(set) if is_local(set))
}

fn is_drop(sql: &Sql) -> bool {
    matches!(
        sql,
        Sql::Drop { .. }
            | Sql::DropFunction(_)
            | Sql::DropDomain(_)
            | Sql::DropProcedure { .. }
            | Sql::DropPolicy(_)
            | Sql::DropTrigger(_)
            | Sql::DropExtension(_)
            | Sql::DropOperator(_)
            | Sql::Revoke(_)
    )
}

/// What neither blocks nor breaks, as far as its own kind goes.
fn is_harmless(sql: &Sql) -> bool {
    is_data(sql)
        || matches!(
            sql,
            Sql::AlterType(_)
                | Sql::Comment { .. }
                | Sql::CreateDomain(_)
                | Sql::CreateExtension(_)
                | Sql::CreateFunction(_)
                | Sql::CreateProcedure { .. }
                | Sql::CreateSchema { .. }
                | Sql::CreateSequence { .. }
                | Sql::CreateTrigger(_)
                | Sql::CreateType { .. }
                | Sql::CreateView(_)
                | Sql::Grant(_)
        )
}

#[cfg(test)]
mod tests;

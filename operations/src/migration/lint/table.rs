//! ALTER TABLE, CREATE TABLE, CREATE INDEX.

use super::rewrite::{is_serial, is_stable, widens};
use super::{Here, LARGE, Linter, NotNull, key, rules};
use crate::migration::statement::{self, stored};
use sqlparser::ast::{
    self, AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, ColumnOption, Expr, Statement,
    TableConstraint,
};

impl Linter<'_> {
    pub(super) fn create_table(&mut self, create: &ast::CreateTable) {
        let table = key(&create.name);
        // IF NOT EXISTS may leave a table as it is, and with it what uses it.
        if !self.facts.contains_key(&table) {
            self.created.insert(table);
        }
    }

    pub(super) fn create_index(&mut self, here: Here<'_>, create: &ast::CreateIndex) {
        if create.concurrently {
            if !here.migration.header.no_transaction {
                self.find(here, rules::INDEX_TRANSACTION, "");
            }
            if create.name.is_none() {
                self.find(here, rules::INDEX_NAME, "");
            }
            return;
        }
        let table = key(&create.table_name);
        if self.is_new(&table) {
            return;
        }
        match self.facts.get(&table).and_then(|facts| facts.rows) {
            None => self.find(here, rules::INDEX, &format!("how many rows {table} has is not known")),
            Some(rows) if rows > LARGE => self.find(here, rules::INDEX, &format!("{table} has over {LARGE} rows")),
            Some(_) => {}
        }
    }

    pub(super) fn alter_table(&mut self, here: Here<'_>, alter: &AlterTable) {
        let table = key(&alter.name);
        if self.is_new(&table) {
            return;
        }
        for operation in &alter.operations {
            self.operation(here, &table, operation);
        }
    }

    fn operation(&mut self, here: Here<'_>, table: &str, operation: &AlterTableOperation) {
        use AlterTableOperation as Op;
        match operation {
            Op::AddColumn { column_def, .. } => self.add_column(here, column_def),
            Op::AddConstraint { constraint, not_valid } => self.add_constraint(here, table, constraint, *not_valid),
            Op::AlterColumn { column_name, op } => self.alter_column(here, table, &stored(column_name), op),
            Op::ValidateConstraint { name } => self.validate(here, table, &stored(name)),
            Op::DropColumn { .. } | Op::DropPrimaryKey { .. } => self.find(here, rules::DROP, ""),
            Op::RenameColumn { .. } | Op::RenameTable { .. } => self.find(here, rules::RENAME, ""),
            // They loosen or only name: the running revision does not notice.
            Op::DropConstraint { name, .. } | Op::RenameConstraint { old_name: name, .. } => {
                let gone = NotNull { column: String::new(), validated: false, added: None };
                self.checks.insert((table.to_owned(), stored(name)), gone);
            }
            Op::SetOptionsParens { .. } | Op::ReplicaIdentity { .. } => {}
            Op::SetLogged | Op::SetUnlogged => self.find(here, rules::REWRITE, ""),
            _ if here.statement.marked => {}
            other => self.find(here, rules::UNKNOWN, &other.to_string()),
        }
    }

    fn add_column(&mut self, here: Here<'_>, column: &ColumnDef) {
        let (mut required, mut filled) = (false, false);
        if is_serial(&column.data_type) {
            self.find(here, rules::VOLATILE_DEFAULT, "a sequence");
        }
        for option in &column.options {
            match &option.option {
                ColumnOption::Default(value) => {
                    filled = !matches!(value, Expr::Value(value) if value.value == ast::Value::Null);
                    if !is_stable(value) {
                        self.find(here, rules::VOLATILE_DEFAULT, &value.to_string());
                    }
                }
                ColumnOption::NotNull => required = true,
                ColumnOption::Generated { .. } | ColumnOption::Identity(_) => {
                    filled = true;
                    self.find(here, rules::VOLATILE_DEFAULT, "a generated value");
                }
                ColumnOption::Unique(_) | ColumnOption::PrimaryKey(_) => self.find(here, rules::USING_INDEX, ""),
                ColumnOption::ForeignKey(_) | ColumnOption::Check(_) => self.find(here, rules::NOT_VALID, ""),
                _ => {}
            }
        }
        if required && !filled {
            self.find(here, rules::REQUIRED_COLUMN, "");
        }
    }

    fn add_constraint(&mut self, here: Here<'_>, table: &str, constraint: &TableConstraint, not_valid: bool) {
        match constraint {
            TableConstraint::ForeignKey(_) | TableConstraint::Check(_) if !not_valid => {
                self.find(here, rules::NOT_VALID, "");
            }
            TableConstraint::Unique(_) | TableConstraint::PrimaryKey(_) | TableConstraint::Exclude(_) => {
                self.find(here, rules::USING_INDEX, "");
            }
            _ => {}
        }
        if let Some((name, column)) = not_null(constraint) {
            let added = Some(here.migration.file.clone());
            self.checks.insert((table.to_owned(), name), NotNull { column, validated: !not_valid, added });
        } else if let Some(name) = name(constraint) {
            // Its column is nobody's: it only remembers in which file the constraint was added.
            let added = Some(here.migration.file.clone());
            let check = NotNull { column: String::new(), validated: !not_valid, added };
            self.checks.insert((table.to_owned(), name), check);
        }
    }

    fn validate(&mut self, here: Here<'_>, table: &str, name: &str) {
        let place = (table.to_owned(), name.to_owned());
        if !self.checks.contains_key(&place) {
            let known = self.existing(table).find(|(other, _)| other == name).map(|(_, check)| check);
            self.checks.extend(known.map(|check| (place.clone(), check)));
        }
        let Some(check) = self.checks.get_mut(&place) else { return };
        check.validated = true;
        let same = check.added.as_deref() == Some(here.migration.file.as_str());
        if same && !here.migration.header.no_transaction {
            self.find(here, rules::VALIDATE, "");
        }
    }

    fn alter_column(&mut self, here: Here<'_>, table: &str, column: &str, operation: &AlterColumnOperation) {
        match operation {
            AlterColumnOperation::SetNotNull => {
                if !self.is_not_null(table, column) {
                    self.find(
                        here,
                        rules::SET_NOT_NULL,
                        &format!("no validated CHECK ({column} IS NOT NULL) is known"),
                    );
                }
            }
            AlterColumnOperation::SetDataType { data_type, using, .. } => {
                let known = self.facts.get(table).and_then(|facts| facts.columns.get(column));
                match known {
                    None => self.find(here, rules::REWRITE, "the column's present type is not known"),
                    Some(from) if using.is_some() || !widens(from, data_type) => {
                        self.find(here, rules::REWRITE, &format!("{from} becomes {data_type}"));
                    }
                    Some(_) => {}
                }
            }
            AlterColumnOperation::AddGenerated { .. } => self.find(here, rules::VOLATILE_DEFAULT, "an identity"),
            AlterColumnOperation::SetDefault { .. }
            | AlterColumnOperation::DropDefault
            | AlterColumnOperation::DropNotNull => {}
        }
    }

    /// Whether a check that holds for all rows keeps a column from being null, as things stand at this statement.
    fn is_not_null(&self, table: &str, column: &str) -> bool {
        let holds = |check: &NotNull| check.validated && check.column == column;
        let untouched = |name: &str| !self.checks.contains_key(&(table.to_owned(), name.to_owned()));
        self.checks.iter().any(|((other, _), check)| other == table && holds(check))
            || self.existing(table).any(|(name, check)| untouched(&name) && holds(&check))
    }

    /// The checks that the table had before, by name.
    fn existing(&self, table: &str) -> impl Iterator<Item = (String, NotNull)> + use<'_> {
        let checks = self.facts.get(table).map(|facts| facts.checks.as_slice()).unwrap_or_default();
        checks.iter().filter_map(|check| {
            let sql = format!("ALTER TABLE t ADD CONSTRAINT c {}", check.definition);
            let Statement::AlterTable(alter) = statement::parse_one(&sql)? else { return None };
            let [AlterTableOperation::AddConstraint { constraint, .. }] = &alter.operations[..] else { return None };
            let (_, column) = not_null(constraint)?;
            Some((check.name.clone(), NotNull { column, validated: check.validated, added: None }))
        })
    }
}

fn name(constraint: &TableConstraint) -> Option<String> {
    let name = match constraint {
        TableConstraint::Check(check) => &check.name,
        TableConstraint::ForeignKey(key) => &key.name,
        _ => return None,
    };
    name.as_ref().map(stored)
}

/// Name and column of a constraint `CHECK (column IS NOT NULL)`.
fn not_null(constraint: &TableConstraint) -> Option<(String, String)> {
    let TableConstraint::Check(check) = constraint else { return None };
    let mut expression = &*check.expr;
    while let Expr::Nested(inner) = expression {
        expression = inner;
    }
    let Expr::IsNotNull(column) = expression else { return None };
    let Expr::Identifier(column) = &**column else { return None };
    Some((check.name.as_ref().map(stored)?, stored(column)))
}

//! From PostgreSQL's errors to the suite's names.

use operations::Error;
use operations::error::Kind;
use std::error::Error as _;
use tokio_postgres::error::SqlState;

/// What a failure while doing `what` means.
pub(crate) fn of(what: &str, error: &tokio_postgres::Error) -> Error {
    let Some(problem) = error.as_db_error() else {
        let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        let kind = if is_late(error) { Kind::DependencyTimeout } else { Kind::DependencyUnavailable };
        return Error::new(kind, format!("{what}: {error}{source}"));
    };
    let hint = problem.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    let text = format!("{what}: {}: {}{hint}", problem.code().code(), problem.message());
    Error::new(kind(problem.code()), text)
}

fn is_late(error: &tokio_postgres::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
}

fn kind(code: &SqlState) -> Kind {
    match code.code() {
        // lock_not_available (lock_timeout), deadlock_detected, serialization_failure: waiting and repeating helps.
        "55P03" | "40P01" | "40001" => Kind::MigrateLockTimeout,
        // query_canceled: by statement_timeout, or by a person.
        "57014" => Kind::MigrateStatementTimeout,
        // idle_in_transaction_session_timeout: this process did not go on.
        "25P03" => Kind::DependencyTimeout,
        // insufficient_privilege, and a login that failed.
        "42501" | "28000" | "28P01" => Kind::AccessDenied,
        // A database that does not exist; a replica; a server that lacks a feature.
        "3D000" | "25006" | "0A000" => Kind::ConfigInvalid,
        // Connection failures, resources, shutting down, failing over.
        other if other.starts_with("08") || other.starts_with("53") || other.starts_with("57P") => {
            Kind::DependencyUnavailable
        }
        _ => Kind::PreconditionFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_named() {
        for (code, wanted) in [
            (SqlState::LOCK_NOT_AVAILABLE, Kind::MigrateLockTimeout),
            (SqlState::T_R_DEADLOCK_DETECTED, Kind::MigrateLockTimeout),
            (SqlState::QUERY_CANCELED, Kind::MigrateStatementTimeout),
            (SqlState::INVALID_PASSWORD, Kind::AccessDenied),
            (SqlState::INSUFFICIENT_PRIVILEGE, Kind::AccessDenied),
            (SqlState::READ_ONLY_SQL_TRANSACTION, Kind::ConfigInvalid),
            (SqlState::ADMIN_SHUTDOWN, Kind::DependencyUnavailable),
            (SqlState::TOO_MANY_CONNECTIONS, Kind::DependencyUnavailable),
            (SqlState::CONNECTION_FAILURE, Kind::DependencyUnavailable),
            (SqlState::UNIQUE_VIOLATION, Kind::PreconditionFailed),
            (SqlState::UNDEFINED_COLUMN, Kind::PreconditionFailed),
        ] {
            assert_eq!(kind(&code), wanted, "{code:?}");
        }
    }
}

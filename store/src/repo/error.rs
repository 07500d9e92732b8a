//! What can go wrong with the database, and what that means.

use sqlx::migrate::MigrateError;

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No connection.
    #[error("cannot connect to the {database} database")]
    Connect {
        /// Which one.
        database: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// The connection string or path is not usable.
    #[error("the address of the {database} database is not usable")]
    Address {
        /// Which one.
        database: &'static str,
        /// Why.
        source: sqlx::Error,
    },
    /// The folder of the database file could not be made.
    #[error("cannot create the folder {} for the database", folder.display())]
    Folder {
        /// Which one.
        folder: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The schema could not be brought up to date.
    #[error("cannot migrate the {database} database")]
    Migrate {
        /// Which one.
        database: &'static str,
        /// Why.
        source: MigrateError,
    },
}

/// A statement failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation}")]
pub struct RepoError {
    operation: &'static str,
    source: sqlx::Error,
}

/// What a failed statement means for whoever ran it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The database is away or busy: the same transaction may succeed later.
    Outage,
    /// Another transaction was first: the same transaction may succeed at once.
    Conflict,
    /// The statement itself is at fault: it will fail again.
    Defect,
}

impl RepoError {
    /// Names the operation of an error, for `map_err`.
    pub(super) fn of(operation: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self { operation, source }
    }

    /// A stored value this version cannot read.
    pub(super) fn unreadable(
        operation: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            operation,
            source: sqlx::Error::Decode(Box::new(source)),
        }
    }

    /// What it means for whoever ran the statement.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        match &self.source {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Trouble::Outage,
            sqlx::Error::Database(error) => code_trouble(error.code().as_deref()),
            // The rest of a foreign, growing enum is about types, columns and arguments.
            _ => Trouble::Defect,
        }
    }
}

/// PostgreSQL's classes 08 (connection), 53 (resources), 57 (operator intervention), 58 (system)
/// and 25006 (a standby); SQLite's primary codes 5 (busy), 6 (locked), 10 (I/O), 13 (full).
fn code_trouble(code: Option<&str>) -> Trouble {
    let Some(code) = code else {
        return Trouble::Defect;
    };
    if let Ok(number) = code.parse::<u32>()
        && code.len() != SQLSTATE_LENGTH
    {
        return match number & 0xff {
            5 | 6 | 10 | 13 => Trouble::Outage,
            _ if number == SQLITE_UNIQUE || number == SQLITE_PRIMARY_KEY => Trouble::Conflict,
            _ => Trouble::Defect,
        };
    }
    match code {
        "40001" | "40P01" | "23505" => Trouble::Conflict,
        "25006" => Trouble::Outage,
        _ if ["08", "53", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            Trouble::Outage
        }
        _ => Trouble::Defect,
    }
}

const SQLSTATE_LENGTH: usize = 5;
const SQLITE_UNIQUE: u32 = 2067;
const SQLITE_PRIMARY_KEY: u32 = 1555;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: Trouble) {
        assert_eq!(code_trouble(Some(code)), expected, "{code}");
    }

    #[test]
    fn codes_say_whether_trying_again_helps() {
        check("57P01", Trouble::Outage);
        check("08006", Trouble::Outage);
        check("53300", Trouble::Outage);
        check("40P01", Trouble::Conflict);
        check("23505", Trouble::Conflict);
        check("22021", Trouble::Defect);
        check("5", Trouble::Outage);
        check("517", Trouble::Outage);
        check("2067", Trouble::Conflict);
        check("1", Trouble::Defect);
    }
}

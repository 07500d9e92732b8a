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
    /// The database file could not be opened or made.
    #[error("cannot open the database file {}", path.display())]
    File {
        /// Which one.
        path: std::path::PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// It can be read, but nothing can be recorded in it.
    #[error("nothing can be written to {database}")]
    NotWritable {
        /// Which one.
        database: String,
        /// What a write came to.
        source: Box<super::write_proof::NotWritable>,
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
    scope: BlameScope,
    source: sqlx::Error,
}

/// What a failure can be blamed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlameScope {
    /// A statement, whose values came with a message.
    Statement,
    /// The beginning or the end of a transaction, which no message has a part in.
    Transaction,
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
        move |source| Self {
            operation,
            scope: BlameScope::Statement,
            source,
        }
    }

    /// The same for beginning and ending a transaction.
    pub(super) fn of_transaction(operation: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self {
            operation,
            scope: BlameScope::Transaction,
            source,
        }
    }

    /// A stored value this version cannot read.
    pub(super) fn unreadable(
        operation: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            operation,
            scope: BlameScope::Statement,
            source: sqlx::Error::Decode(Box::new(source)),
        }
    }

    /// What it means for whoever ran the statement.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let trouble = trouble(&self.source);
        match (self.scope, trouble) {
            // A serialisation failure can surface at the commit; whatever else does is no fault of
            // the rows.
            (BlameScope::Transaction, Trouble::Defect) => Trouble::Outage,
            (BlameScope::Transaction | BlameScope::Statement, _) => trouble,
        }
    }
}

// A defect ends in a dead letter, so it must be proved: everything a database says that is not about
// the values it was given, such as a refused password or a table that a restore has not brought back
// yet, is waited out.
fn trouble(error: &sqlx::Error) -> Trouble {
    match error {
        sqlx::Error::Encode(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::InvalidArgument(_) => Trouble::Defect,
        sqlx::Error::Database(error) => code_trouble(error.code().as_deref()),
        // The rest of a foreign, growing enum is about connections, pools and the schema.
        _ => Trouble::Outage,
    }
}

/// PostgreSQL's classes 21 (the same row twice in one statement), 22 (data), 23 (constraint) and 54
/// (larger than an index or a row may be), and SQLite's primary codes 1 (error), 18 (too big), 19
/// (constraint), 20 (mismatch) and 25 (range) are about values.
fn code_trouble(code: Option<&str>) -> Trouble {
    let Some(code) = code else {
        return Trouble::Outage;
    };
    if let Ok(number) = code.parse::<u32>()
        && code.len() != SQLSTATE_LENGTH
    {
        return match number & SQLITE_PRIMARY_MASK {
            _ if number == SQLITE_UNIQUE || number == SQLITE_PRIMARY_KEY => Trouble::Conflict,
            1 | 18 | 19 | 20 | 25 => Trouble::Defect,
            _ => Trouble::Outage,
        };
    }
    match code {
        "40001" | "40P01" | "23505" => Trouble::Conflict,
        _ if POSTGRES_VALUE_CLASSES
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            Trouble::Defect
        }
        _ => Trouble::Outage,
    }
}

const POSTGRES_VALUE_CLASSES: [&str; 4] = ["21", "22", "23", "54"];

const SQLITE_PRIMARY_MASK: u32 = 0xff;
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
        check("23502", Trouble::Defect);
        check("21000", Trouble::Defect);
        check("54000", Trouble::Defect);
        check("5", Trouble::Outage);
        check("517", Trouble::Outage);
        check("2067", Trouble::Conflict);
        check("1", Trouble::Defect);
        check("1299", Trouble::Defect);
    }

    #[test]
    fn a_database_that_is_not_itself_is_waited_for() {
        for code in ["28P01", "3D000", "42P01", "42501", "XX001", "25006"] {
            check(code, Trouble::Outage);
        }
        for code in ["7", "8", "10", "11", "14", "1032"] {
            check(code, Trouble::Outage);
        }
    }

    #[test]
    fn no_message_is_blamed_for_the_ends_of_a_transaction() {
        let error = || sqlx::Error::Decode("nonsense".into());
        let statement = RepoError::of("write")(error());
        assert_eq!(statement.trouble(), Trouble::Defect);
        let transaction = RepoError::of_transaction("begin")(error());
        assert_eq!(transaction.trouble(), Trouble::Outage);
    }
}

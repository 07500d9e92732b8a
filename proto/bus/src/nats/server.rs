//! What a server must have: JetStream, messages of a certain size, room for the streams.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::account::Account;
use async_nats::jetstream::context::{AccountErrorKind, CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::stream::{Config, StorageType};

use freshet_proto::stream::MEBIBYTE;

use super::NatsCore;
use super::settings::MESSAGE_BYTES_MAX;
use crate::ProvisionError;

/// What is asked for, where no stream is.
const JETSTREAM: &str = "JetStream";

impl NatsCore {
    /// Asks for what no stream can be made without.
    pub(super) async fn check_server(&self) -> Result<(), ProvisionError> {
        // Found out now and not with the first large file, whose observation would end as a dead letter at
        // every try.
        let bytes_max = self.client.max_payload();
        if bytes_max < MESSAGE_BYTES_MAX {
            return Err(ProvisionError::SmallPayload {
                bytes_max,
                bytes_needed: MESSAGE_BYTES_MAX,
            });
        }
        match self.context.query_account().await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.kind() {
                AccountErrorKind::JetStreamUnavailable => ProvisionError::NoJetStream,
                AccountErrorKind::JetStream(reason)
                    if matches!(
                        reason.error_code(),
                        ErrorCode::JETSTREAM_NOT_ENABLED
                            | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
                    ) =>
                {
                    ProvisionError::NoJetStream
                }
                AccountErrorKind::TimedOut
                | AccountErrorKind::Other
                | AccountErrorKind::JetStream(_) => ProvisionError::Unavailable {
                    name: JETSTREAM.to_owned(),
                    source: error.into(),
                },
            }),
        }
    }

    /// Why a stream could not be created, with what is known of the room there is.
    pub(super) async fn explain_refusal(
        &self,
        config: &Config,
        error: CreateStreamError,
    ) -> ProvisionError {
        let name = config.name.clone();
        if !is_out_of_room(&error) {
            return ProvisionError::Unavailable {
                name,
                source: error.into(),
            };
        }
        let account = self.context.query_account().await.ok();
        ProvisionError::NoRoom {
            name,
            room: describe_room(config, account.as_ref()),
            source: error.into(),
        }
    }
}

/// Whether the server or the account has less than the stream asks for.
pub(super) fn is_out_of_room(error: &CreateStreamError) -> bool {
    let CreateStreamErrorKind::JetStream(reason) = error.kind() else {
        return false;
    };
    matches!(
        reason.error_code(),
        ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::MEMORY_RESOURCES_EXCEEDED
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED
    )
}

/// A server tells its clients what their account has set aside and may have, and not what it has itself.
fn describe_room(config: &Config, account: Option<&Account>) -> String {
    let (storage, setting) = match config.storage {
        StorageType::File => ("file", "max_file_store"),
        StorageType::Memory => ("memory", "max_memory_store"),
    };
    let needed = if config.max_bytes < 0 {
        format!("it needs {storage} storage")
    } else {
        format!(
            "it needs {} of {storage} storage",
            mebibytes(config.max_bytes)
        )
    };
    let Some(account) = account else {
        return format!("{needed}; see {setting} of the server");
    };
    let (reserved, limit) = match config.storage {
        StorageType::File => (account.reserved_storage, account.limits.max_storage),
        StorageType::Memory => (account.reserved_memory, account.limits.max_memory),
    };
    let reserved = mebibytes(i64::try_from(reserved).unwrap_or(i64::MAX));
    let limit = limit.map_or_else(
        || format!("as much as {setting} of the server allows"),
        |limit| format!("{} in all", mebibytes(limit)),
    );
    format!("{needed}; this account has {reserved} set aside and may have {limit}")
}

/// Rounded up, so that what is needed is never said to be less.
fn mebibytes(bytes: i64) -> String {
    format!("{} MiB", bytes.saturating_add(MEBIBYTE - 1) / MEBIBYTE)
}

#[cfg(test)]
mod tests {
    use async_nats::jetstream::account::Limits;

    use super::*;

    #[track_caller]
    fn check(storage: StorageType, max_bytes: i64, account: Option<&Account>, expected: &str) {
        let config = Config {
            storage,
            max_bytes,
            ..Config::default()
        };
        assert_eq!(describe_room(&config, account), expected);
    }

    #[test]
    fn a_refusal_says_what_is_needed_and_what_there_is() {
        let account = |max_storage| Account {
            reserved_storage: 100 * 1024 * 1024,
            limits: Limits {
                max_storage,
                ..Limits::default()
            },
            ..Account::default()
        };
        check(
            StorageType::File,
            512 * MEBIBYTE,
            Some(&account(Some(200 * MEBIBYTE))),
            "it needs 512 MiB of file storage; this account has 100 MiB set aside and may have 200 MiB in all",
        );
        check(
            StorageType::File,
            1,
            Some(&account(None)),
            "it needs 1 MiB of file storage; this account has 100 MiB set aside and may have as much as max_file_store of the server allows",
        );
        check(
            StorageType::Memory,
            -1,
            None,
            "it needs memory storage; see max_memory_store of the server",
        );
    }
}

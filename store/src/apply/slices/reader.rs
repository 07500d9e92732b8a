//! Reads an observation from its pieces, one location at a time. Pure.
//!
//! The pieces in order are one encoded message, whose body is a long list of locations. What is decoded at
//! once is one of them, so that an observation of any size takes the memory of its largest file.

use std::ops::Range;

use freshet_proto::message::{LocationObserved, Observation};
use prost::Message;

/// The field of an observation that holds a repository, and in that the one with its locations.
const REPOSITORY: BodyFields = BodyFields {
    body: 10,
    locations: 3,
};
/// The same of a plain URL or of local files.
const FILES: BodyFields = BodyFields {
    body: 15,
    locations: 1,
};
/// The longest a number gets, in bytes.
const VARINT_BYTES_MAX: usize = 10;

const WIRE_VARINT: u64 = 0;
const WIRE_SIXTY_FOUR: u64 = 1;
const WIRE_BYTES: u64 = 2;
const WIRE_THIRTY_TWO: u64 = 5;

/// The pieces are no observation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("a field is cut off or of a kind nobody writes")]
    Malformed,
    #[error("a field cannot be decoded")]
    Field(#[from] prost::DecodeError),
}

#[derive(Clone, Copy, Debug)]
struct BodyFields {
    body: u64,
    locations: u64,
}

/// A location, and where it stands among the bytes of its observation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReadLocation {
    pub(crate) span: Range<u64>,
    pub(crate) observed: LocationObserved,
}

/// What was read of an observation, and what is not understood yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObservationReader {
    /// Everything but the locations.
    header: Observation,
    bytes: Vec<u8>,
    /// Where in `bytes` what is not read begins.
    at: usize,
    /// Where `bytes` begin in the observation.
    offset: u64,
    body: Option<OpenBody>,
}

/// A body of which something is left to be read.
#[derive(Clone, Copy, Debug)]
struct OpenBody {
    fields: BodyFields,
    bytes_left: u64,
}

/// The first field of some bytes.
struct Field {
    number: u64,
    wire: u64,
    /// Where its content begins, behind what names it and says how long it is.
    content: usize,
    /// Bytes of the content.
    length: u64,
}

impl ObservationReader {
    /// Adds the next piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.at);
        self.offset += self.at as u64;
        self.at = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// What is said besides the locations, as far as it was read.
    pub(crate) fn header(&self) -> &Observation {
        &self.header
    }

    /// Whether everything that was added is understood.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len() && self.body.is_none_or(|body| body.bytes_left == 0)
    }

    /// The next location; `None` if it needs more pieces.
    ///
    /// # Errors
    ///
    /// If the pieces are no observation.
    pub(crate) fn next_location(&mut self) -> Result<Option<ReadLocation>, ReadError> {
        loop {
            let unread = &self.bytes[self.at..];
            let Some(field) = read_field(unread)? else {
                return Ok(None);
            };
            let body = self.body.filter(|body| body.bytes_left > 0);
            if body.is_none() && field.wire == WIRE_BYTES {
                let fields = [REPOSITORY, FILES];
                if let Some(fields) = fields.into_iter().find(|it| it.body == field.number) {
                    self.body = Some(OpenBody {
                        fields,
                        bytes_left: field.length,
                    });
                    self.at += field.content;
                    // That there is a body counts even if there is nothing in it.
                    self.merge_body(fields, &[])?;
                    continue;
                }
            }
            let end = usize::try_from(field.length)
                .ok()
                .and_then(|length| length.checked_add(field.content))
                .ok_or(ReadError::Malformed)?;
            if unread.len() < end {
                return Ok(None);
            }
            let start = self.offset + (self.at + field.content) as u64;
            let (whole, content) = (
                self.at..self.at + end,
                self.at + field.content..self.at + end,
            );
            self.at += end;
            let Some(body) = body else {
                self.header.merge(&self.bytes[whole])?;
                continue;
            };
            let bytes_left = body.bytes_left.checked_sub(end as u64);
            self.body = Some(OpenBody {
                bytes_left: bytes_left.ok_or(ReadError::Malformed)?,
                ..body
            });
            if field.number == body.fields.locations && field.wire == WIRE_BYTES {
                return Ok(Some(ReadLocation {
                    span: start..start + field.length,
                    observed: LocationObserved::decode(&self.bytes[content])?,
                }));
            }
            let rest = self.bytes[whole].to_vec();
            self.merge_body(body.fields, &rest)?;
        }
    }

    /// Adds fields of the body to the header.
    fn merge_body(&mut self, fields: BodyFields, content: &[u8]) -> Result<(), ReadError> {
        let mut field = Vec::with_capacity(content.len() + 2 * VARINT_BYTES_MAX);
        prost::encoding::encode_varint(fields.body << 3 | WIRE_BYTES, &mut field);
        prost::encoding::encode_varint(content.len() as u64, &mut field);
        field.extend_from_slice(content);
        Ok(self.header.merge(field.as_slice())?)
    }
}

/// The first field of these bytes; `None` if not even its length is there.
fn read_field(bytes: &[u8]) -> Result<Option<Field>, ReadError> {
    let Some((key, key_end)) = read_varint(bytes)? else {
        return Ok(None);
    };
    let (number, wire) = (key >> 3, key & 7);
    let rest = &bytes[key_end..];
    let (content, length) = match wire {
        WIRE_VARINT => match read_varint(rest)? {
            Some((_, end)) => (key_end, end as u64),
            None => return Ok(None),
        },
        WIRE_SIXTY_FOUR => (key_end, 8),
        WIRE_THIRTY_TWO => (key_end, 4),
        WIRE_BYTES => match read_varint(rest)? {
            Some((length, end)) => (key_end + end, length),
            None => return Ok(None),
        },
        _ => return Err(ReadError::Malformed),
    };
    Ok(Some(Field {
        number,
        wire,
        content,
        length,
    }))
}

/// A number and how many bytes it takes; `None` if it is cut off.
fn read_varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, ReadError> {
    let last = bytes
        .iter()
        .take(VARINT_BYTES_MAX)
        .position(|it| it & 0x80 == 0);
    match last {
        Some(last) => {
            let number = prost::encoding::decode_varint(&mut &bytes[..=last])?;
            Ok(Some((number, last + 1)))
        }
        None if bytes.len() < VARINT_BYTES_MAX => Ok(None),
        None => Err(ReadError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use freshet_proto::message::{
        Content, FilesObserved, Matched, Repository, RepositoryObserved, Unchanged,
        location_observed, observation,
    };
    use proptest::prelude::*;

    use super::*;

    fn locations(sizes: &[usize]) -> Vec<LocationObserved> {
        let outcome = |size: usize| match size {
            0 => location_observed::Outcome::Unchanged(Unchanged::default()),
            1 => location_observed::Outcome::Matched(Matched::default()),
            size => location_observed::Outcome::Content(Content {
                blob: "x".repeat(size),
                ..Content::default()
            }),
        };
        let all = sizes
            .iter()
            .zip(0..)
            .map(|(size, number)| LocationObserved {
                path: format!("{number}.yaml"),
                outcome: Some(outcome(*size)),
            });
        all.collect()
    }

    fn observation(locations: Vec<LocationObserved>, is_repository: bool) -> Observation {
        let body = if is_repository {
            observation::Body::Repository(RepositoryObserved {
                repository: Some(Repository {
                    id: 7,
                    ..Repository::default()
                }),
                head: "abc".to_owned(),
                locations,
            })
        } else {
            observation::Body::Files(FilesObserved { locations })
        };
        Observation {
            source_id: 3,
            generation: 300,
            fetched_at: -1,
            fingerprint: "f".to_owned(),
            last: true,
            body: Some(body),
            ..Observation::default()
        }
    }

    /// Reads what was cut into pieces of this size.
    fn read(encoded: &[u8], piece: usize) -> (Observation, Vec<ReadLocation>) {
        let mut reader = ObservationReader::default();
        let mut read = Vec::new();
        for piece in encoded.chunks(piece) {
            reader.feed(piece);
            while let Some(location) = reader.next_location().expect("it can be read") {
                read.push(location);
            }
        }
        assert!(reader.is_at_end());
        (reader.header().clone(), read)
    }

    #[track_caller]
    fn check(sizes: &[usize], is_repository: bool, piece: usize) {
        let expected = locations(sizes);
        let whole = observation(expected.clone(), is_repository);
        let encoded = whole.encode_to_vec();
        let (header, read) = read(&encoded, piece);
        assert_eq!(header, observation(Vec::new(), is_repository));
        for location in &read {
            let span = &location.span;
            let bytes = &encoded[span.start as usize..span.end as usize];
            let decoded = LocationObserved::decode(bytes).expect("it is one");
            assert_eq!(decoded, location.observed);
        }
        let observed: Vec<_> = read.into_iter().map(|it| it.observed).collect();
        assert_eq!(observed, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn pieces_of_any_size_are_the_observation(
            sizes in prop::collection::vec(0_usize..300, 0..12),
            is_repository in any::<bool>(),
            piece in 1_usize..500,
        ) {
            check(&sizes, is_repository, piece);
        }
    }

    #[test]
    fn a_body_that_comes_in_several_fields_is_one() {
        let mut encoded = observation(locations(&[5]), true).encode_to_vec();
        let more = Observation {
            body: Some(observation::Body::Repository(RepositoryObserved {
                locations: locations(&[0, 9]),
                ..RepositoryObserved::default()
            })),
            ..Observation::default()
        };
        encoded.extend(more.encode_to_vec());
        let (header, read) = read(&encoded, 3);
        assert_eq!(header, observation(Vec::new(), true));
        assert_eq!(read.len(), 3);
        let whole = Observation::decode(&*encoded).expect("to others it is one message");
        let Some(observation::Body::Repository(body)) = whole.body else {
            panic!("no repository")
        };
        assert_eq!(body.locations.len(), 3);
    }

    #[test]
    fn what_is_no_observation_is_refused() {
        for odd in [
            &[0x0c_u8, 1][..],
            &[0xff; 12],
            &[0x7a, 2, 0x0a, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        ] {
            let mut reader = ObservationReader::default();
            reader.feed(odd);
            assert!(reader.next_location().is_err(), "{odd:?}");
        }
    }
}

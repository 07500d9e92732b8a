//! Observations: what goes back for a job, in parts if it is large. Pure.

use freshet_proto::message::{
    Behind, Chunk, Failed, FilesObserved, Job, ListingObserved, LocationObserved, Observation,
    Repository, RepositoryObserved, observation,
};
use freshet_proto::stream::PAYLOAD_BYTES_MAX;
use prost::Message as _;

use crate::failure::Failure;

/// Largest piece of an observation, in bytes; what goes around it is small.
// The header, the trace context and the fields around the bytes need a little of the message.
const CHUNK_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - 8 * 1024;

/// Where an observation was made: what it repeats of its job, and when and by what it was made.
#[derive(Clone, Copy)]
pub struct ObservationHeader<'a> {
    /// The job.
    pub job: &'a Job,
    /// Name of the way of reading.
    pub fingerprint: &'a str,
    /// When the source answered, microseconds UTC.
    pub fetched_at: i64,
}

impl ObservationHeader<'_> {
    /// The state of a repository.
    #[must_use]
    pub fn repository(
        &self,
        repository: &Repository,
        head: &str,
        locations: Vec<LocationObserved>,
    ) -> Observation {
        let body = RepositoryObserved {
            repository: Some(repository.clone()),
            head: head.to_owned(),
            locations,
        };
        self.observe_part(0, true, observation::Body::Repository(body))
    }

    /// The state of a plain URL or of local files.
    #[must_use]
    pub fn files(&self, locations: Vec<LocationObserved>) -> Observation {
        self.observe_part(
            0,
            true,
            observation::Body::Files(FilesObserved { locations }),
        )
    }

    /// One page of a listing.
    #[must_use]
    pub fn listing(&self, page: usize, last: bool, body: ListingObserved) -> Observation {
        self.observe_part(page, last, observation::Body::Listing(body))
    }

    /// A reading that proved nothing.
    #[must_use]
    pub fn failed(&self, failure: Failure) -> Observation {
        self.failed_after(0, failure)
    }

    /// A reading that failed after so many parts of it were published, and proves nothing as a whole.
    #[must_use]
    pub fn failed_after(&self, parts: usize, failure: Failure) -> Observation {
        // Under a number of its own: under one that was published it would be taken for that part, sent twice.
        let body = observation::Body::Failed(Failed::from(failure));
        self.observe_part(parts, true, body)
    }

    /// A source that still shows the head from before the push.
    #[must_use]
    pub fn behind(&self, shown_head: String) -> Observation {
        self.observe_part(0, true, observation::Body::Behind(Behind { shown_head }))
    }

    fn observe_part(&self, part: usize, last: bool, body: observation::Body) -> Observation {
        Observation {
            source_id: self.job.source_id,
            generation: self.job.generation,
            lane: self.job.lane,
            installation: self.job.installation.clone(),
            cause: self.job.cause.clone(),
            fingerprint: self.fingerprint.to_owned(),
            fetched_at: self.fetched_at,
            part: u32::try_from(part).expect("parts are bounded by pages and bytes"),
            last,
            body: Some(body),
        }
    }
}

/// Identity of one part of one reading: publishing it again after a doubtful acknowledgement is harmless.
#[must_use]
pub fn message_id(observation: &Observation) -> String {
    let Observation {
        source_id,
        generation,
        fetched_at,
        part,
        ..
    } = observation;
    // With the time of the reading: a second reading of the same generation is another message,
    // and may say something newer.
    format!("observation:{source_id}:{generation}:{fetched_at}:{part}")
}

/// An observation as the messages that carry it: itself, or numbered pieces of it if it is too large. They are made
/// one by one, and what is in them is let go: of a large observation there is never a second copy.
pub fn split_observation(observation: Observation) -> impl Iterator<Item = Observation> {
    let is_whole = observation.encoded_len() <= PAYLOAD_BYTES_MAX;
    let (whole, pieces) = if is_whole {
        (Some(observation), None)
    } else {
        (None, Some(Pieces::of(observation)))
    };
    whole.into_iter().chain(pieces.into_iter().flatten())
}

/// The pieces of the encoding of an observation that are still to be made.
// Pieces of the encoding and not of the locations: one file alone can be larger than a message.
struct Pieces {
    /// What every piece repeats, so that it is known what it belongs to: those of several readings may mix on
    /// their way.
    head: Observation,
    /// What follows of the body: fields of one message that come one after the other are one message.
    rest: std::vec::IntoIter<observation::Body>,
    encoded: Vec<u8>,
    next: u32,
    has_ended: bool,
}

impl Pieces {
    fn of(mut observation: Observation) -> Self {
        let rest = take_locations(&mut observation);
        let encoded = observation.encode_to_vec();
        Self {
            head: Observation {
                body: None,
                ..observation
            },
            rest: rest.into_iter(),
            encoded,
            next: 0,
            has_ended: false,
        }
    }
}

impl Iterator for Pieces {
    type Item = Observation;

    fn next(&mut self) -> Option<Observation> {
        if self.has_ended {
            return None;
        }
        // One byte more than a piece tells that there is another one.
        while self.encoded.len() <= CHUNK_BYTES_MAX {
            let Some(body) = self.rest.next() else {
                break;
            };
            let field = Observation {
                body: Some(body),
                ..Observation::default()
            };
            field
                .encode(&mut self.encoded)
                .expect("a buffer of this kind grows");
        }
        let size = self.encoded.len().min(CHUNK_BYTES_MAX);
        let data: Vec<u8> = self.encoded.drain(..size).collect();
        self.has_ended = self.encoded.is_empty();
        let part = self.next;
        self.next = part
            .checked_add(1)
            .expect("an observation is bounded by its files");
        Some(Observation {
            part,
            last: self.has_ended,
            body: Some(observation::Body::Chunk(Chunk { data })),
            ..self.head.clone()
        })
    }
}

/// Takes the locations out of an observation, each as a body of its own.
fn take_locations(observation: &mut Observation) -> Vec<observation::Body> {
    match &mut observation.body {
        Some(observation::Body::Repository(observed)) => {
            let locations = std::mem::take(&mut observed.locations).into_iter();
            let alone = |location| RepositoryObserved {
                locations: vec![location],
                ..RepositoryObserved::default()
            };
            locations
                .map(|it| observation::Body::Repository(alone(it)))
                .collect()
        }
        Some(observation::Body::Files(observed)) => {
            let locations = std::mem::take(&mut observed.locations).into_iter();
            let alone = |location| FilesObserved {
                locations: vec![location],
            };
            locations
                .map(|it| observation::Body::Files(alone(it)))
                .collect()
        }
        Some(
            observation::Body::Listing(_)
            | observation::Body::Failed(_)
            | observation::Body::Behind(_)
            | observation::Body::Chunk(_),
        )
        | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use freshet_proto::message::{Content, location_observed};

    use super::*;

    fn observed(bytes: usize) -> Observation {
        let job = Job {
            source_id: 7,
            generation: 3,
            ..Job::default()
        };
        let header = ObservationHeader {
            job: &job,
            fingerprint: "f",
            fetched_at: 1,
        };
        let content = Content {
            blob: "x".repeat(bytes),
            ..Content::default()
        };
        let location = LocationObserved {
            path: String::new(),
            outcome: Some(location_observed::Outcome::Content(content)),
        };
        header.repository(&Repository::default(), "abc", vec![location])
    }

    #[test]
    fn many_files_are_cut_into_full_pieces() {
        let mut observation = observed(0);
        let Some(observation::Body::Repository(body)) = &mut observation.body else {
            panic!("no repository")
        };
        let paths = (0..30_000).map(|number| format!("services/{number}/catalog-info.yaml"));
        body.locations = paths
            .map(|path| LocationObserved {
                path,
                outcome: Some(location_observed::Outcome::Content(Content::default())),
            })
            .collect();
        let mut whole = Vec::new();
        let parts: Vec<_> = split_observation(observation.clone()).collect();
        for part in &parts {
            let Some(observation::Body::Chunk(Chunk { data })) = &part.body else {
                panic!("no piece")
            };
            assert!(part.last || data.len() == CHUNK_BYTES_MAX);
            whole.extend_from_slice(data);
        }
        assert!(parts.len() > 1);
        let decoded = Observation::decode(&*whole).expect("an observation");
        assert_eq!(decoded, observation);
    }

    #[test]
    fn what_fits_a_message_is_one() {
        let observation = observed(PAYLOAD_BYTES_MAX / 2);
        let parts: Vec<_> = split_observation(observation.clone()).collect();
        assert_eq!(parts, [observation]);
    }

    #[test]
    fn what_does_not_is_numbered_pieces_of_which_the_last_is_marked() {
        let observation = observed(2 * PAYLOAD_BYTES_MAX);
        let parts: Vec<_> = split_observation(observation.clone()).collect();
        let marks: Vec<_> = parts.iter().map(|part| (part.part, part.last)).collect();
        assert_eq!(marks, [(0, false), (1, false), (2, true)]);
        let mut whole = Vec::new();
        for part in &parts {
            assert!(part.encoded_len() <= PAYLOAD_BYTES_MAX);
            let same_occasion = (part.source_id, part.generation, part.fetched_at);
            assert_eq!(same_occasion, (7, 3, 1));
            let Some(observation::Body::Chunk(Chunk { data })) = &part.body else {
                panic!("no piece")
            };
            whole.extend_from_slice(data);
        }
        assert_eq!(
            Observation::decode(&*whole).expect("an observation"),
            observation
        );
        assert_ne!(message_id(&parts[0]), message_id(&parts[1]));
    }
}

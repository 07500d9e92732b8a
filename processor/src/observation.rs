//! Observations: what goes back for a job, in parts if it is large. Pure.

use freshet_proto::message::{
    Behind, Failed, Job, ListingObserved, LocationObserved, Observation, Repository,
    RepositoryObserved, observation,
};
use prost::Message as _;

use crate::outcome::Failure;

/// Largest sum of locations in one part, in bytes; the rest of a message is small.
const PART_BYTES_MAX: usize = freshet_proto::stream::PAYLOAD_BYTES_MAX - 8 * 1024;

/// Where an observation was made: what it repeats of its job, and when and by what it was made.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    /// The job.
    pub job: &'a Job,
    /// Name of the way of reading.
    pub fingerprint: &'a str,
    /// When the source answered, microseconds UTC.
    pub fetched_at: i64,
}

impl Occasion<'_> {
    /// The state of a repository, split into parts no message is too small for.
    #[must_use]
    pub fn repository(
        &self,
        repository: &Repository,
        head: &str,
        locations: Vec<LocationObserved>,
    ) -> Vec<Observation> {
        let mut parts = split(locations, PART_BYTES_MAX);
        let last = parts.len() - 1;
        parts
            .drain(..)
            .enumerate()
            .map(|(index, locations)| {
                let body = RepositoryObserved {
                    repository: Some(repository.clone()),
                    head: head.to_owned(),
                    locations,
                };
                self.part(index, index == last, observation::Body::Repository(body))
            })
            .collect()
    }

    /// One page of a listing.
    #[must_use]
    pub fn listing(&self, page: usize, last: bool, body: ListingObserved) -> Observation {
        self.part(page, last, observation::Body::Listing(body))
    }

    /// A reading that proved nothing.
    #[must_use]
    pub fn failed(&self, failure: Failure) -> Observation {
        self.part(0, true, observation::Body::Failed(Failed::from(failure)))
    }

    /// A source that still shows the head from before the push.
    #[must_use]
    pub fn behind(&self, shown_head: String) -> Observation {
        self.part(0, true, observation::Body::Behind(Behind { shown_head }))
    }

    fn part(&self, part: usize, last: bool, body: observation::Body) -> Observation {
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
    format!("observation:{source_id}:{generation}:{fetched_at}:{part}")
}

/// Splits in order into groups of at most `bytes_max`; a larger location is a group of its own.
/// There is always one group, for an observation without locations says something too.
fn split(locations: Vec<LocationObserved>, bytes_max: usize) -> Vec<Vec<LocationObserved>> {
    let mut groups = vec![Vec::new()];
    let mut bytes = 0;
    for location in locations {
        let size = location.encoded_len();
        let group = groups.last_mut().expect("there is always a group");
        if bytes + size > bytes_max && !group.is_empty() {
            groups.push(vec![location]);
            bytes = size;
        } else {
            group.push(location);
            bytes += size;
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use freshet_proto::message::{Content, location_observed};

    use super::*;

    fn location(bytes: usize) -> LocationObserved {
        let content = Content {
            blob: "x".repeat(bytes),
            ..Content::default()
        };
        LocationObserved {
            path: String::new(),
            outcome: Some(location_observed::Outcome::Content(content)),
        }
    }

    #[track_caller]
    fn check(sizes: &[usize], expected: &[usize]) {
        let groups = split(sizes.iter().map(|bytes| location(*bytes)).collect(), 1_000);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn locations_are_split_in_order_and_by_size() {
        check(&[], &[0]);
        check(&[10, 10, 10], &[3]);
        check(&[400, 400, 400], &[2, 1]);
        check(&[5_000], &[1]);
        check(&[10, 5_000, 10], &[1, 1, 1]);
    }

    #[test]
    fn parts_are_numbered_and_only_the_last_is_marked() {
        let job = Job {
            source_id: 7,
            generation: 3,
            ..Job::default()
        };
        let occasion = Occasion {
            job: &job,
            fingerprint: "f",
            fetched_at: 1,
        };
        let half = PART_BYTES_MAX / 2 + 1;
        let parts = occasion.repository(
            &Repository::default(),
            "abc",
            vec![location(half), location(half)],
        );
        let marks: Vec<_> = parts.iter().map(|part| (part.part, part.last)).collect();
        assert_eq!(marks, [(0, false), (1, true)]);
        assert_ne!(message_id(&parts[0]), message_id(&parts[1]));
        assert!(
            parts
                .iter()
                .all(|part| part.encoded_len() <= freshet_proto::stream::PAYLOAD_BYTES_MAX)
        );
    }
}

-- Rows that are nobody's in a story: ten thousand of whatever grows with a catalog, under ids no story reaches.
insert into source (id, kind, provider, host, installation, external_id, node_id, owner, name, url, default_branch,
    archived, wanted, done, lane, head, push_before, push_after, fingerprint, cause, verified_at, changed_at, mechanism,
    fail_count, last_error, next_due_at, enqueued_at, git_ref)
select 1000000 + n, 'repository', 'github', 'filled.example', 'filled.example', 'filled-' || n, '', 'filled',
    'r' || n, '', 'main', 0, 1, 1, 2, 'h', '', '', 'f', '', 1, 1, 'tick', 0, '', 0, 0, 'HEAD'
from generate_series(1, 10000) as n;

insert into location (id, source_id, path, blob_oid, outcome, seen_oid, emitted)
select 1000000 + n, 1000000 + n, 'catalog-info.yaml', 'b', 'content', 'b', '[]'
from generate_series(1, 10000) as n;

-- Tombstones, which no view shows.
insert into entity (ref, uid, version, revision, document_revision, digest, location_id, source_id, claimed_at,
    changed_at)
select 'component:filled/e' || n, 'u' || n, 2, 0, 0, '', 1000000 + n, 1000000 + n, 1, 1
from generate_series(1, 10000) as n;

insert into claim (location_id, ref, claimed_at, document, relations, digest, line)
select 1000000 + n, 'component:filled/c' || n, 1, '{}', '[]', 'd', 1
from generate_series(1, 10000) as n;

insert into problem (id, location_id, source_id, rule, message, hint, line, column_number, ref, first_seen, last_seen)
select 1000000 + n, 1000000 + n, 1000000 + n, 'yaml.syntax', 'm', '', 1, 1, '', 1, 1
from generate_series(1, 200) as n;

insert into delivery (guid, event, received_at, source_id, generation, outcome, reason, covered_at)
select 'filled-' || n, 'push', 1, 1000000 + n, 1, 'applied', '', 1
from generate_series(1, 10000) as n;

insert into observation_part (source_id, generation, part, is_last, payload, fetched_at)
select 1000000 + n, 2, 1, 0, 'p'::bytea, 1
from generate_series(1, 10000) as n;

insert into location_entity (ref, declared_by, document, digest, line, column_number, own, origin, is_published)
select 'location:filled/l' || n, 1000000 + n, '{}', 'd', 1, 1, 'url:u', 'url:u', 1
from generate_series(1, 10000) as n;

insert into link (parent_ref, location_id, via, ordinal, url, is_required, is_listed, since)
select 'location:filled/l' || n, 1000001 + n, 0, 0, 'u', 1, 1, 1
from generate_series(1, 10000) as n;

insert into dependency (location_id, host, owner, name, git_ref, path, blob_oid, url)
select 1000000 + n, 'filled.example', 'filled', 'r' || n, 'HEAD', 'api.yaml', 'b', ''
from generate_series(1, 10000) as n;

insert into registered_location (id, location_type, target, entity_ref, is_required, registered_at, changed_at)
select gen_random_uuid()::text, 'filled', 'https://filled.example/' || n, 'location:filled/r' || n, 1, 1, 1
from generate_series(1, 10000) as n;

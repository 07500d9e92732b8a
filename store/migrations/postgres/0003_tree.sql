-- The tree of locations: a source per branch, Location entities and what they point at,
-- what placeholders read, removals that wait.

-- `HEAD` for the default branch, a branch or a commit; empty for what is no repository.
alter table source add column git_ref text not null default '';
-- Microseconds after which it is looked at again without a signal; 0 if a listing sweeps it.
alter table source add column recheck_every bigint not null default 0;
update source set git_ref = 'HEAD' where kind = 'repository';
alter table source drop constraint source_identity;
alter table source add constraint source_identity unique (kind, host, external_id, git_ref);

-- What was read of another branch gets a source of its own.
insert into source (
    id, kind, provider, host, installation, external_id, node_id, owner, name, url, default_branch, archived, wanted, done, lane, head, push_before, push_after, fingerprint, cause, verified_at, changed_at, mechanism, fail_count, last_error, next_due_at, enqueued_at, git_ref
)
select
    nextval('source_ids'), s.kind, s.provider, s.host, s.installation, s.external_id, s.node_id, s.owner, s.name, s.url, s.default_branch, s.archived, s.wanted, s.done, s.lane, s.head, s.push_before, s.push_after, s.fingerprint, s.cause, s.verified_at, s.changed_at, s.mechanism, s.fail_count, s.last_error, s.next_due_at, s.enqueued_at, l.git_ref
from (select distinct source_id, git_ref from location where git_ref <> 'HEAD') l
join source s on s.id = l.source_id;

update location set source_id = b.id
from source s
join source b on b.kind = s.kind and b.host = s.host and b.external_id = s.external_id
where s.id = location.source_id and b.git_ref = location.git_ref and location.git_ref <> 'HEAD';

alter table location drop constraint location_identity;
alter table location drop column git_ref;
alter table location add constraint location_identity unique (source_id, path);
-- 1 if `path` is a pattern.
alter table location add column is_glob bigint not null default 0;
-- Blob that was seen last; `blob_oid` is the one whose content is applied.
alter table location add column seen_oid text not null default '';
-- `<class>: <message>` of a failure.
alter table location add column failure text not null default '';
-- JSON: what the rules judge of a file, what a pattern matches.
alter table location add column emitted text not null default '';
-- The Location entity under whose name the content is applied, how that one names it, and the
-- root of the tree it was found in.
alter table location add column parent_ref text not null default '';
alter table location add column url text not null default '';
alter table location add column origin text not null default '';
update location set seen_oid = blob_oid;

update entity set source_id = l.source_id from location l where l.id = entity.location_id;
update problem set source_id = l.source_id from location l where l.id = problem.location_id;

-- Repositories are found by name when a URL names one.
create index source_name on source (host, lower(owner), lower(name)) where kind = 'repository';
create index source_recheck on source (verified_at) where recheck_every > 0;

-- The newest declared version of each Location entity, and how its run ended.
create table location_entity (
    ref text collate "C" primary key,
    -- The location that declares it.
    declared_by bigint not null,
    -- As declared: canonical JSON without the annotations of the catalog.
    document text not null,
    digest text not null,
    line bigint not null,
    column_number bigint not null,
    -- Where it stands and the root of the tree it was found in, both `type:target`.
    own text not null,
    origin text not null,
    -- `waiting`, `ok`, `broken`.
    state text not null,
    -- Digest of the version in effect; empty if none is.
    applied_digest text not null,
    since bigint not null
);

create index location_entity_declared on location_entity (declared_by);

-- What Location entities point at.
create table link (
    parent_ref text collate "C" not null,
    location_id bigint not null,
    -- The pattern that matched the location; 0 if it is named itself.
    via bigint not null,
    ordinal bigint not null,
    -- How the Location entity names it.
    url text not null,
    is_required bigint not null,
    -- 1 if the version in effect points at it, and if the newest one does.
    is_current bigint not null,
    is_next bigint not null,
    since bigint not null,
    constraint link_identity primary key (parent_ref, location_id, via)
);

create index link_location on link (location_id);

-- Files that entities are made from besides the one that declares them.
create table dependency (
    location_id bigint not null,
    -- Of a repository, in lower case like owner and name; empty for a URL.
    host text not null,
    owner text not null,
    name text not null,
    git_ref text not null,
    path text not null,
    -- What was read; empty if there was nothing.
    blob_oid text not null,
    url text not null,
    constraint dependency_identity primary key (location_id, host, owner, name, git_ref, path, url)
);

create index dependency_repository on dependency (host, owner, name);

-- Removals that wait for somebody to confirm them, or for a second look.
create table removal (
    location_id bigint primary key,
    source_id bigint not null,
    installation text not null,
    -- How many entities would go, and the first of them as JSON.
    entities bigint not null,
    refs text not null,
    since bigint not null,
    -- 0 until it is confirmed.
    confirmed_at bigint not null
);

-- Backstage's class of the error.
alter table problem add column class text not null default 'InputError';
-- 1 if it spoils the whole file.
alter table problem add column is_file bigint not null default 0;
-- `error` or `warning`.
alter table problem add column level text not null default 'error';
-- JSON: refs of the entities whose status shows it.
alter table problem add column status_of text not null default '[]';
-- `spec.owner` as the document says; empty if it does not.
alter table problem add column owner text not null default '';

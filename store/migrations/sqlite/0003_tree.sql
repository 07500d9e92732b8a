-- The tree of locations: a source per branch, Location entities and what they point at,
-- what placeholders read, removals that wait.

create table source_new (
    id integer primary key,
    -- `listing` or `repository`.
    kind text not null,
    -- `github`.
    provider text not null,
    host text not null,
    -- Whose rate budget pays: the installation, or the credential's name.
    installation text not null,
    -- The provider's identity of it: numeric repository id, or the id of the configured provider.
    external_id text not null,
    -- `HEAD` for the default branch, a branch or a commit; empty for what is no repository.
    git_ref text not null,
    node_id text not null,
    -- Names as last seen; they may change, `external_id` does not.
    owner text not null,
    name text not null,
    url text not null,
    default_branch text not null,
    archived integer not null,
    -- Generation asked for and generation proved; equal when nothing is outstanding.
    wanted integer not null,
    done integer not null,
    -- Lane of the newest generation: 1 hi, 2 lo.
    lane integer not null,
    -- Commit whose content is applied.
    head text not null,
    -- Ends of the newest push, for "still the head from before the push".
    push_before text not null,
    push_after text not null,
    -- Engine, kinds and options the content was read with; another one means reading again.
    fingerprint text not null,
    -- Why the newest generation is wanted, as JSON; travels to the change event.
    cause text not null,
    -- When equality with the source was last proved, and when content last differed.
    verified_at integer not null,
    changed_at integer not null,
    -- `push`, `tick`, `reconcile`: what proved it.
    mechanism text not null,
    -- Consecutive failures and the newest; 0 and empty after a success.
    fail_count integer not null,
    last_error text not null,
    -- Not before this time is a job of it published again without a signal.
    next_due_at integer not null,
    -- When a job was last published.
    enqueued_at integer not null,
    -- Microseconds after which it is looked at again without a signal; 0 if a listing sweeps it.
    recheck_every integer not null,
    constraint source_identity unique (kind, host, external_id, git_ref)
) strict;

insert into source_new (
    id, kind, provider, host, installation, external_id, node_id, owner, name, url, default_branch, archived, wanted, done, lane, head, push_before, push_after, fingerprint, cause, verified_at, changed_at, mechanism, fail_count, last_error, next_due_at, enqueued_at, git_ref, recheck_every
)
select
    id, kind, provider, host, installation, external_id, node_id, owner, name, url, default_branch, archived, wanted, done, lane, head, push_before, push_after, fingerprint, cause, verified_at, changed_at, mechanism, fail_count, last_error, next_due_at, enqueued_at, case when kind = 'repository' then 'HEAD' else '' end, 0
from source;

-- What was read of another branch gets a source of its own.
insert into source_new (
    id, kind, provider, host, installation, external_id, node_id, owner, name, url, default_branch, archived, wanted, done, lane, head, push_before, push_after, fingerprint, cause, verified_at, changed_at, mechanism, fail_count, last_error, next_due_at, enqueued_at, git_ref, recheck_every
)
select
    (select max(id) from source) + row_number() over (order by l.source_id, l.git_ref), s.kind, s.provider, s.host, s.installation, s.external_id, s.node_id, s.owner, s.name, s.url, s.default_branch, s.archived, s.wanted, s.done, s.lane, s.head, s.push_before, s.push_after, s.fingerprint, s.cause, s.verified_at, s.changed_at, s.mechanism, s.fail_count, s.last_error, s.next_due_at, s.enqueued_at, l.git_ref, 0
from (select distinct source_id, git_ref from location where git_ref <> 'HEAD') l
join source s on s.id = l.source_id;

-- One file, or pattern of files, of a source.
create table location_new (
    -- Never given twice, for the log goes on naming locations that are gone.
    id integer primary key autoincrement,
    source_id integer not null references source_new (id),
    path text not null,
    -- 1 if `path` is a pattern.
    is_glob integer not null,
    -- Blob whose content is applied, not merely seen; empty if there is none.
    blob_oid text not null,
    -- Blob that was seen last.
    seen_oid text not null,
    -- `unread`, `content`, `poisoned`, `gone`, `matched`, `failed`.
    outcome text not null,
    -- `<class>: <message>` of a failure.
    failure text not null,
    -- JSON: what the rules judge of a file, what a pattern matches.
    emitted text not null,
    -- The Location entity under whose name the content is applied, how that one names it, and the
    -- root of the tree it was found in.
    parent_ref text not null,
    url text not null,
    origin text not null,
    constraint location_identity unique (source_id, path)
) strict;

insert into location_new (
    id, source_id, path, is_glob, blob_oid, seen_oid, outcome, failure, emitted, parent_ref, url, origin
)
select
    l.id, b.id, l.path, 0, l.blob_oid, l.blob_oid, l.outcome, '', '', '', '', ''
from location l
join source s on s.id = l.source_id
join source_new b on b.kind = s.kind and b.host = s.host and b.external_id = s.external_id
    and b.git_ref = l.git_ref;

drop table location;
drop table source;
alter table source_new rename to source;
alter table location_new rename to location;

create index source_outstanding on source (next_due_at) where wanted > done;

update entity set source_id = l.source_id from location l where l.id = entity.location_id;
update problem set source_id = l.source_id from location l where l.id = problem.location_id;

-- Repositories are found by name when a URL names one.
create index source_name on source (host, lower(owner), lower(name)) where kind = 'repository';
create index source_recheck on source (verified_at) where recheck_every > 0;

-- The newest declared version of each Location entity, and how its run ended.
create table location_entity (
    ref text primary key,
    -- The location that declares it.
    declared_by integer not null,
    -- As declared: canonical JSON without the annotations of the catalog.
    document text not null,
    digest text not null,
    line integer not null,
    column_number integer not null,
    -- Where it stands and the root of the tree it was found in, both `type:target`.
    own text not null,
    origin text not null,
    -- `waiting`, `ok`, `broken`.
    state text not null,
    -- Digest of the version in effect; empty if none is.
    applied_digest text not null,
    since integer not null
) strict, without rowid;

create index location_entity_declared on location_entity (declared_by);

-- What Location entities point at.
create table link (
    parent_ref text not null,
    location_id integer not null,
    -- The pattern that matched the location; 0 if it is named itself.
    via integer not null,
    ordinal integer not null,
    -- How the Location entity names it.
    url text not null,
    is_required integer not null,
    -- 1 if the version in effect points at it, and if the newest one does.
    is_current integer not null,
    is_next integer not null,
    since integer not null,
    constraint link_identity primary key (parent_ref, location_id, via)
) strict, without rowid;

create index link_location on link (location_id);

-- Files that entities are made from besides the one that declares them.
create table dependency (
    location_id integer not null,
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
) strict, without rowid;

create index dependency_repository on dependency (host, owner, name);

-- Removals that wait for somebody to confirm them, or for a second look.
create table removal (
    location_id integer primary key,
    source_id integer not null,
    installation text not null,
    -- How many entities would go, and the first of them as JSON.
    entities integer not null,
    refs text not null,
    since integer not null,
    -- 0 until it is confirmed.
    confirmed_at integer not null
) strict;

-- Backstage's class of the error.
alter table problem add column class text not null default 'InputError';
-- 1 if it spoils the whole file.
alter table problem add column is_file integer not null default 0;
-- `error` or `warning`.
alter table problem add column level text not null default 'error';
-- JSON: refs of the entities whose status shows it.
alter table problem add column status_of text not null default '[]';
-- `spec.owner` as the document says; empty if it does not.
alter table problem add column owner text not null default '';

-- The first schema: ledger, claims, entities, problems and the change log.
--
-- Both databases share it: documents are canonical JSON text, times are integer microseconds
-- UTC (0 = not known), refs compare bytewise, and every identifier is a 64-bit integer.

-- One row. Its lock allocates revisions, so commit order is revision order, without gaps.
create table catalog_meta (
    id bigint primary key check (id = 1),
    -- Id of this change log; a new one tells subscribers to start over.
    epoch text not null,
    -- Revision of the newest change; 0 before the first.
    revision bigint not null,
    -- First revision that is still in the log.
    oldest bigint not null
);

-- What can be looked at in one go.
create table source (
    id bigint primary key,
    -- `listing` or `repository`.
    kind text not null,
    -- `github`.
    provider text not null,
    host text not null,
    -- Whose rate budget pays: the installation, or the credential's name.
    installation text not null,
    -- The provider's identity of it: numeric repository id, or the id of the configured provider.
    external_id text not null,
    node_id text not null,
    -- Names as last seen; they may change, `external_id` does not.
    owner text not null,
    name text not null,
    url text not null,
    default_branch text not null,
    archived bigint not null,
    -- Generation asked for and generation proved; equal when nothing is outstanding.
    wanted bigint not null,
    done bigint not null,
    -- Lane of the newest generation: 1 hi, 2 lo.
    lane bigint not null,
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
    verified_at bigint not null,
    changed_at bigint not null,
    -- `push`, `tick`, `reconcile`: what proved it.
    mechanism text not null,
    -- Consecutive failures and the newest; 0 and empty after a success.
    fail_count bigint not null,
    last_error text not null,
    -- Not before this time is a job of it published again without a signal.
    next_due_at bigint not null,
    -- When a job was last published.
    enqueued_at bigint not null,
    constraint source_identity unique (kind, host, external_id)
);

create index source_outstanding on source (next_due_at) where wanted > done;

-- Ids are taken before the rows are written, so that a plan can name them.
create sequence source_ids;

create sequence location_ids;

-- One file of a source.
create table location (
    id bigint primary key,
    source_id bigint not null references source (id),
    -- `HEAD` for the default branch, or a branch.
    git_ref text not null,
    path text not null,
    -- Blob whose content is applied, not merely seen; empty if there is none.
    blob_oid text not null,
    -- `unread`, `content`, `poisoned`, `gone`.
    outcome text not null,
    constraint location_identity unique (source_id, git_ref, path)
);

-- The entities of the catalog and the tombstones of those that left.
create table entity (
    ref text collate "C" primary key,
    uid text not null,
    -- +1 with each of its events, also across deletion and return, so an old event never wins.
    version bigint not null,
    -- Revision of its newest event.
    revision bigint not null,
    -- Revision whose change holds its document and relations; 0 for a tombstone.
    document_revision bigint not null,
    -- Digest of document and relations; empty for a tombstone.
    digest text not null,
    -- The holder of the ref. Claims that lost are in `claim`.
    location_id bigint not null,
    source_id bigint not null,
    -- When the holder's location first declared it: its place in the order of claims.
    claimed_at bigint not null,
    changed_at bigint not null
);

create index entity_location on entity (location_id) where document_revision > 0;

-- Declarations of a ref that another location holds, complete, so that one can take over at once.
create table claim (
    location_id bigint not null,
    ref text collate "C" not null,
    claimed_at bigint not null,
    document text not null,
    -- Relations as compact JSON: [[forward, reverse or null, target], …].
    relations text not null,
    digest text not null,
    line bigint not null,
    constraint claim_identity primary key (location_id, ref)
);

create index claim_ref on claim (ref);

-- What the owner of a file must fix.
create table problem (
    -- The revision that opened it.
    id bigint primary key,
    location_id bigint not null,
    source_id bigint not null,
    rule text not null,
    message text not null,
    hint text not null,
    line bigint not null,
    -- 1-based like the line; `column` is a reserved word.
    column_number bigint not null,
    -- Empty if the document has no valid ref.
    ref text collate "C" not null,
    first_seen bigint not null,
    -- When it was last seen to open or to change.
    last_seen bigint not null
);

create index problem_location on problem (location_id);

-- The log: history, outbox and the only copy of each document.
create table change (
    revision bigint primary key,
    verb text not null,
    -- Null for problems of files without an entity.
    ref text collate "C",
    version bigint not null,
    uid text,
    location_id bigint not null,
    source_id bigint not null,
    -- Declared document after the change; null where it has none or is as it was.
    document text,
    relations text,
    digest text,
    -- The problem, as JSON.
    problem text,
    -- Body of the public event, without the document.
    data text not null,
    committed_at bigint not null,
    -- When the fact behind it was received.
    fact_at bigint not null
)
-- An ordinary row has some kilobytes and stays in its page: compressing it took longer than writing it.
with (toast_tuple_target = 8160);

-- Every signal that was accepted, and how it ended.
create table delivery (
    -- `gh:<host>:<guid>` or `tick:<provider>:<slot>`.
    guid text collate "C" primary key,
    event text not null,
    received_at bigint not null,
    -- Null where the signal names no source we look at.
    source_id bigint,
    -- Generation of the source it asked for; 0 if none.
    generation bigint not null,
    -- `waiting`, then `applied`, `unchanged`, `superseded`, `ignored`, `dead`.
    outcome text not null,
    -- Why it was ignored.
    reason text not null,
    -- When it ended; null while it waits.
    covered_at bigint
);

create index delivery_waiting on delivery (source_id, generation) where covered_at is null;

-- Parts of observations that are not complete yet.
create table observation_part (
    source_id bigint not null,
    generation bigint not null,
    part bigint not null,
    -- 1 if no part comes after it.
    is_last bigint not null,
    payload bytea not null,
    constraint observation_part_identity primary key (source_id, generation, part)
);

insert into catalog_meta (id, epoch, revision, oldest)
values (1, replace(gen_random_uuid()::text, '-', ''), 0, 1);

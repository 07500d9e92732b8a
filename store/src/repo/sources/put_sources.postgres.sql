insert into source (
    id, kind, provider, host, installation, external_id, git_ref, node_id, owner, name, url, default_branch, archived, wanted, done, lane, head, push_before, push_after, fingerprint, cause, verified_at, changed_at, mechanism, fail_count, last_error, next_due_at, enqueued_at, recheck_every
)
select
    id, kind, provider, host, installation, external_id, git_ref, node_id, owner, name, url, default_branch, archived, wanted, done, lane, head, push_before, push_after, fingerprint, cause, verified_at, changed_at, mechanism, fail_count, last_error, next_due_at, enqueued_at, recheck_every
from json_populate_recordset(null::source, $1::json)
on conflict (id) do update set
    provider = excluded.provider,
    installation = excluded.installation,
    external_id = excluded.external_id,
    git_ref = excluded.git_ref,
    node_id = excluded.node_id,
    owner = excluded.owner,
    name = excluded.name,
    url = excluded.url,
    default_branch = excluded.default_branch,
    archived = excluded.archived,
    wanted = excluded.wanted,
    done = excluded.done,
    lane = excluded.lane,
    head = excluded.head,
    push_before = excluded.push_before,
    push_after = excluded.push_after,
    fingerprint = excluded.fingerprint,
    cause = excluded.cause,
    verified_at = excluded.verified_at,
    changed_at = excluded.changed_at,
    mechanism = excluded.mechanism,
    fail_count = excluded.fail_count,
    last_error = excluded.last_error,
    next_due_at = excluded.next_due_at,
    enqueued_at = excluded.enqueued_at,
    recheck_every = excluded.recheck_every

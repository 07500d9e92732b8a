-- What a database of the schema before the tree of locations may hold.

insert into source (
    id, kind, provider, host, installation, external_id, node_id, owner, name, url, default_branch, archived, wanted, done, lane, head, push_before, push_after, fingerprint, cause, verified_at, changed_at, mechanism, fail_count, last_error, next_due_at, enqueued_at
)
values
    (1, 'repository', 'github', 'github.com', 'acme', '7', 'n1', 'acme', 'pay', 'https://github.com/acme/pay', 'main', 0, 2, 2, 2, 'h1', '', '', 'f1', '', 9, 9, 'tick', 0, '', 0, 0),
    (2, 'repository', 'github', 'github.com', 'acme', '8', 'n2', 'acme', 'web', 'https://github.com/acme/web', 'main', 0, 5, 5, 2, 'h2', '', '', 'f1', '', 9, 9, 'tick', 0, '', 0, 0),
    (3, 'listing', 'github', 'github.com', 'acme', 'acme', 'n3', 'acme', 'acme', 'https://github.com/acme/acme', 'main', 0, 1, 1, 2, '', '', '', 'f1', '', 9, 9, 'tick', 0, '', 0, 0);

insert into location (id, source_id, git_ref, path, blob_oid, outcome)
values
    (1, 1, 'HEAD', 'catalog-info.yaml', 'b1', 'content'),
    (2, 2, 'live', 'catalog-info.yaml', 'b2', 'content');

insert into change (
    revision, verb, ref, version, uid, location_id, source_id, document, relations, digest, problem, data, committed_at, fact_at
)
values
    (1, 'created', 'component:default/a', 1, '6f1b7d1c-6a3b-4f55-9f3c-0a4b8a1d2e01', 1, 1, '{"kind":"Component"}', '[]', 'd1', null, '{}', 9, 9),
    (2, 'created', 'component:default/b', 1, '6f1b7d1c-6a3b-4f55-9f3c-0a4b8a1d2e02', 2, 2, '{"kind":"Component"}', '[]', 'orphan:d2', null, '{}', 9, 9);

insert into entity (
    ref, uid, version, revision, document_revision, digest, location_id, source_id, claimed_at, changed_at
)
values
    ('component:default/a', '6f1b7d1c-6a3b-4f55-9f3c-0a4b8a1d2e01', 1, 1, 1, 'd1', 1, 1, 9, 9),
    ('component:default/b', '6f1b7d1c-6a3b-4f55-9f3c-0a4b8a1d2e02', 1, 2, 2, 'orphan:d2', 2, 2, 9, 9);

insert into problem (
    id, location_id, source_id, rule, message, hint, line, column_number, ref, first_seen, last_seen
)
values
    (3, 2, 2, 'yaml', 'm', 'h', 1, 1, '', 9, 9);

update catalog_meta set revision = 2;

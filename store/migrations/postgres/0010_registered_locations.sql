-- Locations that somebody registered through the API.

create table registered_location (
    -- A uuid, and not a number: clients keep it, and nobody can guess the next one.
    id text collate "C" primary key,
    location_type text collate "C" not null,
    target text collate "C" not null,
    -- The Location entity that stands for it. It stays when the target is changed.
    entity_ref text collate "C" not null,
    -- 1 if it is a mistake that nothing is there.
    is_required bigint not null,
    registered_at bigint not null,
    -- When its target was last changed.
    changed_at bigint not null,
    constraint registered_location_target unique (location_type, target),
    constraint registered_location_entity unique (entity_ref)
);

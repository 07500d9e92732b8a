-- Targets do not wait for each other: a Location entity has one version, the newest, and is shown or not.

alter table location_entity add column is_published integer not null default 0;
update location_entity set is_published = 1 where applied_digest <> '';
alter table location_entity drop column state;
alter table location_entity drop column applied_digest;
alter table location_entity drop column since;

-- What only the version in effect pointed at stays until the newest one has been looked at.
alter table link rename column is_next to is_listed;
alter table link drop column is_current;

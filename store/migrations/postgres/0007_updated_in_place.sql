-- What each push updates is updated in place.
--
-- PostgreSQL writes a new version of a row beside the old one. If no column that an index mentions differs and the
-- page has room, no index has to hear of it, and whoever next reads the page throws the old version away. Otherwise
-- tables and indexes grow several times over within a minute of changes, and every lookup with them.

-- Without the condition on `document_revision`, which differs with every change of an entity. Tombstones are in
-- the index now; a location has few.
drop index entity_location;
create index entity_location on entity (location_id);

alter table entity set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
alter table location set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- What is outstanding or due is found by an index, so a new version of a source is new to all indexes. Room in its
-- page keeps at least the table as it is, and old versions are not waited for until they are a fifth of it.
alter table source set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
alter table delivery set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);

-- One row each. Old versions are thrown away while they are few, not when the page is full of them.
alter table catalog_meta set (fillfactor = 10);
alter table write_probe set (fillfactor = 10);

-- Rows of the log that hold many changes.

-- The changes of one transaction repeat each other, and derived ones were most of the log. A row with this
-- column holds a run of them, compressed, under the revision of the last one; its other columns say nothing
-- but the time of the commit. Rows of before hold one change each and stay as they are.
alter table change add column packed bytea;

-- It is compressed already.
alter table change alter column packed set storage external;

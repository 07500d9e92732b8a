-- A row for proving that the database takes writes.

-- One row of its own: the log's row is locked for as long as a batch is applied, and a long batch must not
-- look like a database that takes no writes.
create table write_probe (
    id integer primary key check (id = 1),
    -- How many proofs there were. Nothing depends on it; it is different each time.
    writes integer not null
) strict;

insert into write_probe (id, writes) values (1, 0);

-- Being an orphan is a column of its own.

-- Whether nothing declares it any more and it is kept all the same.
alter table entity add column is_orphan boolean not null default false;
-- Until now only the digest told.
update entity set is_orphan = true where digest like 'orphan:%';

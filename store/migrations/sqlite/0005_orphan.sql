-- Being an orphan is a column of its own.

-- 1 if nothing declares it any more and it is kept all the same.
alter table entity add column is_orphan integer not null default 0;
-- Until now only the digest told.
update entity set is_orphan = 1 where digest like 'orphan:%';

-- Parts of different attempts at one reading must not be mixed.

-- When the attempt that made this part was begun, microseconds UTC; the newest attempt counts.
alter table observation_part add column fetched_at bigint not null default 0;

-- Where in its file a Location entity says what it points at.

-- JSON with `location_type` and `targets`, each place a pair of line and column; empty if it was read before this was
-- kept, or stands in no file.
alter table location_entity add column target_places text not null default '';

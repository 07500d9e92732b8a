-- What each push updates is updated in place.

-- Without the condition on `document_revision`, which differs with every change of an entity: the index need not
-- hear of it. Tombstones are in the index now; a location has few.
drop index entity_location;
create index entity_location on entity (location_id);

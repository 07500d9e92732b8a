-- The public keys with which tokens of this catalog can be checked, whichever of its processes signed them.

create table published_key (
    id text primary key,
    -- A JWK. The private key never leaves its process.
    public_key text not null,
    -- From then on no token of it is good.
    expires_at integer not null
) strict, without rowid;

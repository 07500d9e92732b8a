-- The public keys with which tokens of this catalog can be checked, whichever of its processes signed them.

create table published_key (
    id text collate "C" primary key,
    -- A JWK. The private key never leaves its process.
    public_key text collate "C" not null,
    -- From then on no token of it is good.
    expires_at bigint not null
);

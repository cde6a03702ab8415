-- A collection exists by being named.
-- $1 text[] names, sorted (a fixed order of locks)
INSERT INTO collections (name) SELECT unnest($1::text[]) ON CONFLICT (name) DO NOTHING;

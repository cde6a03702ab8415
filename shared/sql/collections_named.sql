-- The collections with these names.
-- $1 text[] names
-- columns: id integer, name text
SELECT id, name FROM collections WHERE name = ANY ($1::text[]);

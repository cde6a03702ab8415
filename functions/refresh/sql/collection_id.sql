-- $1 text name
-- columns: id integer
SELECT id FROM collections WHERE name = $1;

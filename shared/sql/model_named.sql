-- $1 text name
-- -> id smallint, name text, dimension integer, active boolean
SELECT id, name, dimension, active FROM models WHERE name = $1 AND NOT removed

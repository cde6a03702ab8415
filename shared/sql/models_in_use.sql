-- The models whose vectors new passages get, the one that answers searches first.
-- -> id smallint, name text, dimension integer, active boolean
SELECT id, name, dimension, active FROM models WHERE (active OR kept) AND NOT removed ORDER BY active DESC, id

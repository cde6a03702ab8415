-- The model whose vectors answer searches.
-- -> id smallint, name text, dimension integer, active boolean
SELECT id, name, dimension, active FROM models WHERE active

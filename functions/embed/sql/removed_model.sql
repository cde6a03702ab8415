-- A model that is being removed, its row locked against being wanted again.
-- $1 text name
-- columns: id smallint, name text, dimension integer, active boolean
SELECT id, name, dimension, active FROM models WHERE name = $1 AND removed AND NOT active FOR NO KEY UPDATE;

-- $1 text name, $2 integer dimension
INSERT INTO models (name, dimension) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET removed = false WHERE models.removed

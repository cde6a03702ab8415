-- Two statements, not one: the unique index on active rows is checked row by row.
-- $1 smallint model
UPDATE models SET active = true, kept = true, removed = false WHERE id = $1 AND NOT active

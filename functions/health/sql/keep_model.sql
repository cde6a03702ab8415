-- $1 smallint model
UPDATE models SET kept = true WHERE id = $1

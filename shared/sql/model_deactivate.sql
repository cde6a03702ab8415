-- What answered searches until now stays current: going back to it loses nothing.
-- $1 smallint the model that is to be active
UPDATE models SET active = false, kept = true, last_active_at = now() WHERE active AND id <> $1

-- Add to counters, in the order of their keys.
-- $1 jsonb array of {name, labels, value}
INSERT INTO counters AS c (name, labels, value)
SELECT added.name, added.labels, added.value
FROM jsonb_to_recordset($1) AS added (name text, labels jsonb, value double precision)
ORDER BY added.name, added.labels
ON CONFLICT (name, labels) DO UPDATE SET value = c.value + excluded.value

-- Take notes away, to be put into an event by the same transaction; those that another one is taking are left to it.
-- $1 integer limit
-- Columns: kind text, note text (JSON)
DELETE FROM activity
WHERE ctid = ANY (ARRAY(SELECT ctid FROM activity LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING kind, note::text AS note

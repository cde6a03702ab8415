-- Mark a dead letter as replayed; the row lock lets one of two replays at once win.
-- $1 bigint id
-- columns: id bigint, one row when it had not been replayed
UPDATE dead_letters
SET replayed_at = now()
WHERE id = $1 AND replayed_at IS NULL
RETURNING id

-- Subjects of tokens who have not asked for so long that their usage has been swept too, with their budgets.
-- $1 interval age, $2 integer batch
WITH gone AS (
    DELETE FROM key_usage WHERE key_id = ANY (ARRAY(
        SELECT t.id FROM token_subjects AS t JOIN key_usage AS u ON u.key_id = t.id
        WHERE coalesce(u.window_started_at, t.created_at) < now() - $1::interval LIMIT $2))
      AND coalesce(window_started_at < now() - $1::interval, true)
    RETURNING key_id
)
DELETE FROM token_subjects WHERE id = ANY (ARRAY(SELECT key_id FROM gone));

-- Mark a model as removed unless it answers searches, or did within some seconds; no row where there is none.
-- FOR UPDATE waits for whoever writes its vectors (hold_models): none comes after the mark.
-- $1 text name, $2 integer seconds
-- Columns: active boolean, resting boolean
WITH found AS MATERIALIZED (
    SELECT id, active, coalesce(last_active_at > now() - make_interval(secs => $2), false) AS resting
    FROM models
    WHERE name = $1
    FOR UPDATE
),
marked AS (
    UPDATE models AS m SET removed = true, kept = false
    FROM found AS f
    WHERE m.id = f.id AND NOT f.active AND NOT f.resting
)
SELECT active, resting FROM found

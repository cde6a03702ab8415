-- Events that the bridge has not published yet, and dead letters that nobody has replayed.
-- Columns: waiting bigint, oldest_s double precision (NULL: none waits), dead_letters bigint
SELECT w.waiting, w.oldest_s, d.dead_letters
FROM (
    SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at))::double precision AS oldest_s
    FROM outbox
    WHERE published_at IS NULL
) AS w
CROSS JOIN (SELECT count(*) AS dead_letters FROM dead_letters WHERE replayed_at IS NULL) AS d

-- Rewrite the impacts of the next $2 passages of a rewrite under way. Each follows from frequency, length and the frozen
-- average alone, so a passage indexed meanwhile comes out the same. lexical_lock runs first.
-- $1 integer collection, $2 integer batch
-- -> rewritten bigint, 0 at the end
WITH state AS MATERIALIZED (
    SELECT average_length, rewrite_position FROM collections WHERE id = $1 AND rewrite_position IS NOT NULL
),
batch AS MATERIALIZED (
    SELECT p.id, p.lexical_length
    FROM state AS s
    CROSS JOIN LATERAL (
        SELECT id, lexical_length FROM passages
        WHERE collection_id = $1 AND id > s.rewrite_position AND lexical_length IS NOT NULL
        ORDER BY id LIMIT $2
    ) AS p
),
rewritten AS (
    UPDATE postings AS p
    SET impact = bm25_impact(p.frequency, b.lexical_length, s.average_length)
    FROM batch AS b CROSS JOIN state AS s
    WHERE p.passage_id = b.id AND p.passage_id = ANY (ARRAY(SELECT id FROM batch))
      AND p.impact <> bm25_impact(p.frequency, b.lexical_length, s.average_length)
),
moved AS (
    UPDATE collections SET rewrite_position = (SELECT max(id) FROM batch), version = version + 1
    WHERE id = $1 AND rewrite_position IS NOT NULL
)
SELECT count(*) AS rewritten FROM batch

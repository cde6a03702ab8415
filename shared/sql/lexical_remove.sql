-- Remove a document's passages with postings, vectors and counts, as if they had never been. lexical_lock runs first.
-- $1 integer collection, $2 uuid document
-- -> removed bigint, the number of passages
WITH doomed AS MATERIALIZED (
    SELECT id, lexical_length FROM passages WHERE document_id = $2
),
unposted AS (
    -- An array, not a join, here and below: the planner cannot know how few they are, and would read whole tables.
    DELETE FROM postings WHERE passage_id = ANY (ARRAY(SELECT id FROM doomed)) RETURNING term_id
),
counts AS MATERIALIZED (
    SELECT term_id, count(*) AS passages FROM unposted GROUP BY term_id
),
lowered AS (
    UPDATE terms AS t SET document_frequency = t.document_frequency - c.passages
    FROM counts AS c
    WHERE t.id = c.term_id AND t.document_frequency > c.passages AND t.id = ANY (ARRAY(SELECT term_id FROM counts))
),
vanished AS (
    DELETE FROM terms AS t USING counts AS c
    WHERE t.id = c.term_id AND t.document_frequency <= c.passages AND t.id = ANY (ARRAY(SELECT term_id FROM counts))
),
totals AS MATERIALIZED (
    SELECT count(*) AS passages, coalesce(sum(lexical_length), 0) AS length FROM doomed WHERE lexical_length IS NOT NULL
),
counted AS (
    -- An empty collection is as new: its next document freezes the average again.
    UPDATE collections AS c
    SET passages = c.passages - t.passages,
        total_length = c.total_length - t.length,
        average_length = CASE WHEN c.passages = t.passages THEN 0 ELSE c.average_length END,
        frozen_passages = CASE WHEN c.passages = t.passages THEN 0 ELSE c.frozen_passages END,
        rewrite_position = CASE WHEN c.passages = t.passages THEN NULL ELSE c.rewrite_position END,
        version = c.version + 1
    FROM totals AS t
    WHERE c.id = $1 AND t.passages > 0
),
gone AS (
    DELETE FROM passages WHERE id = ANY (ARRAY(SELECT id FROM doomed))
)
SELECT count(*) AS removed FROM doomed

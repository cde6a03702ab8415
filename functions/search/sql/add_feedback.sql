-- Keep what an asker said of a passage, once, and note it to be counted.
-- $1 text search, $2 bigint passage, $3 text verdict, $4 uuid key, $5 integer rank or NULL,
-- $6 text[] collections the key may see, or NULL for all
-- Columns: known boolean (the passage is searchable, and the key may see it), added boolean (false: was said before)
WITH seen AS (
    SELECT p.id
    FROM passages AS p
    JOIN collections AS c ON c.id = p.collection_id
    WHERE p.id = $2 AND p.live AND ($6::text[] IS NULL OR c.name = ANY ($6))
), added AS (
    INSERT INTO feedback (search_id, passage_id, verdict, key_id, rank)
    SELECT $1, id, $3, $4, $5 FROM seen
    ON CONFLICT DO NOTHING
    RETURNING verdict, rank
), noted AS (
    INSERT INTO activity (kind, note)
    SELECT 'feedback', json_build_object('verdict', verdict, 'rank', rank) FROM added
)
SELECT EXISTS (SELECT FROM seen) AS known, EXISTS (SELECT FROM added) AS added

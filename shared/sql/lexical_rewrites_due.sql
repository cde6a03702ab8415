-- Collections whose impacts stand on an average length that is off by more than $1 of the true one.
-- While documents stream in, the average settles by itself: then the collection must have doubled (or halved) since it
-- was frozen, so that n passages cost some log2(n) rewrites. Once nothing is under way any drift counts.
-- $1 float8 tolerance, $2 integer[] collections, NULL: all
-- -> id integer
SELECT c.id
FROM collections AS c
WHERE ($2::integer[] IS NULL OR c.id = ANY ($2))
  AND (
    c.rewrite_position IS NOT NULL
    OR (
        c.passages > 0
        AND abs(c.total_length::float8 / c.passages - c.average_length) > $1 * c.average_length
        AND (
            greatest(c.passages, c.frozen_passages) >= 2 * least(c.passages, c.frozen_passages)
            OR NOT EXISTS (
                SELECT FROM documents AS d
                JOIN sources AS s ON s.id = d.source_id
                WHERE s.collection_id = c.id
                  AND d.state <> 'indexed' AND d.state IN ('queued', 'extracting', 'embedding')
            )
        )
    )
  )
ORDER BY c.id

-- Models with what they hold and lack; one that is gone is left out.
-- $1 integer models after this id, or NULL, $2 integer at most, $3 text the one of that name, or NULL: all
-- Columns: id smallint, name text, dimension integer, active boolean, kept boolean, removed boolean, vectors bigint,
--          missing bigint
WITH held AS (
    SELECT model_id, count(*) AS vectors FROM embeddings GROUP BY model_id
)
SELECT m.id, m.name, m.dimension, m.active, m.kept, m.removed, coalesce(h.vectors, 0) AS vectors,
       p.passages - coalesce(h.vectors, 0) AS missing
FROM models AS m
LEFT JOIN held AS h ON h.model_id = m.id
CROSS JOIN (SELECT count(*) AS passages FROM passages) AS p
WHERE (NOT m.removed OR h.vectors > 0)
  AND ($1::bigint IS NULL OR m.id > $1)
  AND ($3::text IS NULL OR m.name = $3)
ORDER BY m.id
LIMIT $2

-- Passages with a vector of the active model, all where none is active, that have none of another one; 1000 at most.
-- Grouped by passage, it is one walk along the primary key that ends with the thousandth.
-- $1 smallint the other model, $2 smallint the active model, or NULL
-- Columns: missing bigint
SELECT count(*) AS missing
FROM (
    (SELECT passage_id
     FROM embeddings
     WHERE model_id = $1 OR model_id = $2::smallint
     GROUP BY passage_id
     HAVING bool_and(model_id = $2::smallint)
     LIMIT 1000)
    UNION ALL
    (SELECT p.id
     FROM passages AS p
     WHERE $2::smallint IS NULL AND NOT EXISTS (SELECT FROM embeddings AS e WHERE e.passage_id = p.id AND e.model_id = $1)
     LIMIT 1000)
) AS found

-- Delete the next vectors of a model, by passage.
-- $1 smallint model, $2 bigint passages up to this one are done, $3 integer at most
-- columns: deleted bigint, last bigint (the highest passage of them)
WITH doomed AS MATERIALIZED (
    SELECT passage_id FROM embeddings WHERE passage_id > $2 AND model_id = $1 ORDER BY passage_id LIMIT $3
),
gone AS (
    DELETE FROM embeddings WHERE passage_id = ANY (ARRAY(SELECT passage_id FROM doomed)) AND model_id = $1
)
SELECT count(*) AS deleted, max(passage_id) AS last FROM doomed;

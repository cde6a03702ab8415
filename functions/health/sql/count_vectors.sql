-- Columns: passages bigint, models smallint[], vectors bigint[] (of each of them)
SELECT (SELECT count(*) FROM passages) AS passages,
       coalesce(array_agg(h.model_id), '{}') AS models,
       coalesce(array_agg(h.vectors), '{}') AS vectors
FROM (SELECT model_id, count(*) AS vectors FROM embeddings GROUP BY model_id) AS h

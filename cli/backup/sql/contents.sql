-- How much there is of what people put in.
-- Columns: sources, documents, passages, keys bigint
SELECT (SELECT count(*) FROM sources) AS sources,
       (SELECT count(*) FROM documents) AS documents,
       (SELECT count(*) FROM passages) AS passages,
       (SELECT count(*) FROM api_keys) AS keys

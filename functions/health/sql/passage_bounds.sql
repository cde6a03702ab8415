-- The ids of the passages that there are; NULLs where there are none.
-- Columns: first bigint, last bigint
SELECT min(id) AS first, max(id) AS last FROM passages

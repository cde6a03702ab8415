-- The ids of a document's passages in a range of ordinals; NULLs where there are none.
-- $1 uuid document, $2 integer first ordinal, $3 integer last ordinal
-- columns: first bigint, last bigint
SELECT min(id) AS first, max(id) AS last FROM passages WHERE document_id = $1 AND ordinal BETWEEN $2 AND $3;

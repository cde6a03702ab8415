-- The searchable passages of a source, in reading order.
-- $1 uuid source, $2 bigint ordinal of the last row seen, or NULL, $3 integer limit
-- Columns: those of a passage
SELECT id, document_id, ordinal, text, section, page_start, page_end, char_start, char_end, tokens
FROM passages
WHERE source_id = $1 AND live AND ($2::bigint IS NULL OR ordinal > $2)
ORDER BY ordinal
LIMIT $3

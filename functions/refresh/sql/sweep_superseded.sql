-- Versions that were replaced and hold no passages.
-- $1 interval age, $2 integer batch
DELETE FROM documents WHERE ctid = ANY (ARRAY(
    SELECT d.ctid FROM documents d
     WHERE d.state = 'superseded' AND d.updated_at < now() - $1::interval LIMIT $2));

-- Lock the source of a document, then the document, until the end of the transaction: a row that was not locked would
-- be told as it was before a wait.
-- $1 uuid document
-- columns: source_id uuid, collection_id integer, collection text, current_document uuid, state text,
--          passages_total integer, outdated boolean
SELECT s.id AS source_id, s.collection_id, c.name AS collection, s.current_document, d.state, d.passages_total,
       EXISTS (SELECT 1 FROM documents newer
                WHERE newer.id = s.current_document AND newer.version > d.version) AS outdated
  FROM sources s
  JOIN documents d ON d.source_id = s.id
  JOIN collections c ON c.id = s.collection_id
 WHERE d.id = $1
   FOR UPDATE OF s, d;

-- Lock the source of a document and tell whether the document still waits for extraction.
-- $1 uuid document id
-- columns: current_document uuid, state text
SELECT s.current_document, d.state
  FROM sources s
  JOIN documents d ON d.source_id = s.id
 WHERE d.id = $1
   FOR UPDATE OF s;

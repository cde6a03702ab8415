-- Lock the source of a document, then the document, and tell whether it still waits for extraction: a row that was not
-- locked would be told as it was before a wait.
-- $1 uuid document id
-- columns: current_document uuid, state text
SELECT s.current_document, d.state
  FROM sources s
  JOIN documents d ON d.source_id = s.id
 WHERE d.id = $1
   FOR UPDATE OF s, d;

-- Let searches see the embeddings of a version.
-- $1 uuid document
UPDATE embeddings e SET live = true FROM passages p WHERE p.id = e.passage_id AND p.document_id = $1;

-- The latest version of each source.
-- $1 uuid[] source ids
-- columns: source_id uuid, id uuid, fingerprint bytea, state text
SELECT d.source_id, d.id, d.fingerprint, d.state
  FROM unnest($1::uuid[]) AS wanted (source_id)
 CROSS JOIN LATERAL (
       SELECT source_id, id, fingerprint, state FROM documents
        WHERE source_id = wanted.source_id ORDER BY version DESC LIMIT 1) AS d;

-- Add one version for each row, in the order given: later ones have higher versions.
-- $1 jsonb array of document rows
INSERT INTO documents (id, source_id, fingerprint, object_key, media_type, filename, size_bytes, bibliography,
                       trace_id, submitted_by)
SELECT (d ->> 'id')::uuid, (d ->> 'source_id')::uuid, decode(d ->> 'fingerprint', 'hex'), d ->> 'object_key',
       d ->> 'media_type', d ->> 'filename', (d ->> 'size_bytes')::bigint, d -> 'bibliography', d ->> 'trace_id',
       (d ->> 'submitted_by')::uuid
  FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS t (d, n)
 ORDER BY n;

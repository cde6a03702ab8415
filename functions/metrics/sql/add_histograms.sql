-- Add to histograms, bucket by bucket, in the order of their keys; other buckets than those stored fail.
-- $1 jsonb array of {name, labels, bounds, counts, total}
INSERT INTO histograms AS h (name, labels, bounds, counts, total)
SELECT added.name, added.labels, added.bounds, added.counts, added.total
FROM jsonb_to_recordset($1) AS added (
    name text, labels jsonb, bounds double precision[], counts bigint[], total double precision)
ORDER BY added.name, added.labels
ON CONFLICT (name, labels) DO UPDATE
SET counts = ARRAY(
        SELECT a + b
        FROM unnest(h.counts, excluded.counts) WITH ORDINALITY AS both_counts (a, b, bucket)
        ORDER BY bucket),
    bounds = CASE WHEN h.bounds = excluded.bounds THEN h.bounds END,
    total = h.total + excluded.total

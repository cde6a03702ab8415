-- Every sum.
-- Columns: name text, labels jsonb, value double precision (of a counter), bounds double precision[], counts bigint[],
--          total double precision (of a histogram)
SELECT name, labels, value, NULL::double precision[] AS bounds, NULL::bigint[] AS counts, NULL AS total
FROM counters
UNION ALL
SELECT name, labels, NULL, bounds, counts, total
FROM histograms
ORDER BY name, labels

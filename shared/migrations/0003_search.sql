-- What ranking needs of the database itself.

-- The one place of BM25's term weight without idf, which joins at query time (Robertson and Zaragoza 2009, eq. 3.15).
-- k1 1.2 and b 0.75 are the defaults of Lucene and of the collections measured in docs/benchmarks.md.
CREATE FUNCTION bm25_impact(frequency integer, length integer, average_length double precision)
RETURNS real
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * length / greatest(average_length, 1))))::real;

-- Searches take milliseconds; compiling one takes a hundred. Where the role may not say so, the operator sets jit = off.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'not the owner of this database: set jit = off for the role that searches';
END
$$;

-- NULL: not in the lexical index yet.
ALTER TABLE passages ALTER COLUMN lexical_length DROP NOT NULL, ALTER COLUMN lexical_length DROP DEFAULT;

-- The sources that a search's filters leave, NULL meaning no such filter; inlined into its callers.
-- An author is named in full or by last name ("Pearl" finds "Judea Pearl" and "Pearl, Judea"), in any case.
CREATE FUNCTION matching_sources(
    collections integer[], source_ids uuid[], source_types text[], year_from integer, year_to integer,
    authors text[], metadata jsonb
)
RETURNS TABLE (id uuid, passages integer)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.id, s.passages
    FROM sources AS s
    WHERE s.collection_id = ANY ($1)
      AND ($2 IS NULL OR s.id = ANY ($2))
      AND ($3 IS NULL OR s.source_type = ANY ($3))
      AND ($4 IS NULL OR s.year >= $4)
      AND ($5 IS NULL OR s.year <= $5)
      AND ($6 IS NULL OR EXISTS (
          SELECT FROM unnest(s.authors) AS a (name) CROSS JOIN unnest($6) AS w (name)
          WHERE lower(a.name) = lower(w.name)
             OR right(lower(a.name), length(w.name) + 1) = ' ' || lower(w.name)
             OR left(lower(a.name), length(w.name) + 1) = lower(w.name) || ','
      ))
      -- Containment finds the rows by index; equality of each value is stricter (no partial objects or arrays).
      AND ($7 IS NULL OR s.metadata @> $7 AND NOT EXISTS (
          SELECT FROM jsonb_each($7) AS f WHERE s.metadata -> f.key IS DISTINCT FROM f.value
      ));
END;

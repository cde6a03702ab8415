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

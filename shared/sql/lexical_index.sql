-- Make the passages of a document searchable that are not indexed yet: postings, counts, live. lexical_lock runs first.
-- $1 integer collection, $2 uuid document
-- -> indexed bigint, the number of passages indexed now
WITH lexemes AS MATERIALIZED (
    SELECT p.id AS passage_id, l.lexeme, cardinality(l.positions) AS frequency
    FROM passages AS p
    CROSS JOIN LATERAL unnest(to_tsvector('pg_catalog.english', p.heading || E'\n' || p.text)) AS l
    WHERE p.document_id = $2 AND p.lexical_length IS NULL
),
lengths AS MATERIALIZED (
    SELECT p.id AS passage_id, coalesce(l.length, 0)::integer AS length
    FROM passages AS p
    LEFT JOIN (SELECT passage_id, sum(frequency) AS length FROM lexemes GROUP BY passage_id) AS l ON l.passage_id = p.id
    WHERE p.document_id = $2 AND p.lexical_length IS NULL
),
totals AS MATERIALIZED (
    SELECT count(*) AS passages, coalesce(sum(length), 0) AS length FROM lengths
),
counted AS (
    -- The first document freezes the average; `lexical_begin_rewrite` moves it from then on.
    UPDATE collections AS c
    SET passages = c.passages + t.passages,
        total_length = c.total_length + t.length,
        average_length = CASE WHEN c.frozen_passages = 0 THEN t.length::float8 / t.passages ELSE c.average_length END,
        frozen_passages = CASE WHEN c.frozen_passages = 0 THEN t.passages ELSE c.frozen_passages END,
        version = c.version + 1
    FROM totals AS t
    WHERE c.id = $1 AND t.passages > 0
    RETURNING c.average_length
),
known AS (
    INSERT INTO terms AS t (collection_id, term, document_frequency)
    SELECT $1, lexeme, count(*) FROM lexemes GROUP BY lexeme ORDER BY lexeme
    ON CONFLICT (term, collection_id) DO UPDATE SET document_frequency = t.document_frequency + EXCLUDED.document_frequency
    RETURNING t.id, t.term
),
posted AS (
    INSERT INTO postings (term_id, passage_id, frequency, impact)
    SELECT k.id, l.passage_id, l.frequency, bm25_impact(l.frequency, s.length, c.average_length)
    FROM lexemes AS l
    JOIN lengths AS s ON s.passage_id = l.passage_id
    JOIN known AS k ON k.term = l.lexeme
    CROSS JOIN counted AS c
),
live_passages AS (
    -- The document narrows it to an index scan: the planner cannot know how few rows `lengths` has.
    UPDATE passages AS p SET lexical_length = s.length, live = true
    FROM lengths AS s WHERE p.id = s.passage_id AND p.document_id = $2
),
live_vectors AS (
    UPDATE embeddings SET live = true WHERE passage_id = ANY (ARRAY(SELECT passage_id FROM lengths)) AND NOT live
)
SELECT passages AS indexed FROM totals

-- What a search will look at, and the model it embeds with; one row even when nothing is there.
-- $1 text[] names of collections, NULL: all
-- -> ids integer[], names text[] (of those that exist), passages bigint (theirs), everything bigint (all collections'),
--    version text (of the chosen), model_id smallint, model text, dimension integer (NULL before the first model)
SELECT coalesce(array_agg(c.id ORDER BY c.id) FILTER (WHERE chosen), '{}') AS ids,
       coalesce(array_agg(c.name ORDER BY c.id) FILTER (WHERE chosen), '{}') AS names,
       coalesce(sum(c.passages) FILTER (WHERE chosen), 0)::bigint AS passages,
       coalesce(sum(c.passages), 0)::bigint AS everything,
       coalesce(sum(c.version) FILTER (WHERE chosen), 0)::text AS version,
       min(m.id) AS model_id, min(m.name) AS model, min(m.dimension) AS dimension
FROM (SELECT id, name, dimension FROM models WHERE active) AS m
FULL JOIN (
    SELECT id, name, passages, version, ($1::text[] IS NULL OR name = ANY ($1)) AS chosen FROM collections
) AS c ON true

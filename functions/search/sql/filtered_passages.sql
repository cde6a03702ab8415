-- How many passages the filters leave: it decides how the legs search.
-- $1 integer[] collections,
-- $2 uuid[] source ids, $3 text[] source types, $4 integer year from, $5 integer year to, $6 text[] authors, $7 jsonb metadata
-- -> passages bigint
SELECT coalesce(sum(passages), 0)::bigint AS passages FROM matching_sources($1, $2, $3, $4, $5, $6, $7)

-- Whether an index is there and can be used, and whether any index of vectors is being made; a process that asked for
-- one and is gone does not end its making. Within a transaction the activity would stay as it was first seen.
-- $1 text name of the index
-- columns: there boolean, valid boolean, busy boolean
SELECT i.indexrelid IS NOT NULL AS there,
       coalesce(i.indisvalid, false) AS valid,
       EXISTS (SELECT FROM pg_stat_activity AS a
                WHERE a.datname = current_database() AND a.state = 'active'
                  AND starts_with(a.query, '-- query model_index_concurrently')) AS busy
  FROM (SELECT pg_stat_clear_snapshot()) AS cleared
  LEFT JOIN pg_index AS i ON i.indexrelid = to_regclass($1);

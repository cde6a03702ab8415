-- An index whose building was cut off stays, and serves nobody.
-- $1 text name of the index
-- -> boolean
SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid)

-- Note what happened, for the next gathering.
-- $1 text      kind
-- $2 json[]    notes
-- Columns: none
INSERT INTO activity (kind, note)
SELECT $1, noted.note FROM unnest($2::json[]) AS noted (note)

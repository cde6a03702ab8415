-- Freeze the present average of a collection, unless a rewrite is under way already. lexical_lock runs first.
-- $1 integer collection, $2 float8 tolerance
UPDATE collections
SET average_length = total_length::float8 / passages,
    frozen_passages = passages,
    generation = generation + 1,
    version = version + 1,
    rewrite_position = 0
WHERE id = $1 AND rewrite_position IS NULL AND passages > 0
  AND abs(total_length::float8 / passages - average_length) > $2 * average_length

-- Count a failed attempt at a record.
-- $1 text handler, $2 text topic, $3 integer partition, $4 bigint offset, $5 boolean whether it counts towards the limit
-- columns: attempts integer (those that count), seconds double precision since the first attempt
INSERT INTO delivery_attempts AS known (handler, topic, partition, record_offset, attempts)
VALUES ($1, $2, $3, $4, $5::boolean::integer)
ON CONFLICT (handler, topic, partition, record_offset) DO UPDATE
SET attempts = known.attempts + EXCLUDED.attempts
RETURNING attempts, extract(epoch FROM now() - first_at)::double precision AS seconds

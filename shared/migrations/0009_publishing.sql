-- Failed attempts at records that a sender with no memory of its own delivers (AWS Lambda's Kafka event source).
CREATE TABLE delivery_attempts (
    handler            text NOT NULL,                      -- the function: each consumer group counts for itself
    topic              text NOT NULL,
    partition          integer NOT NULL,
    record_offset      bigint NOT NULL,
    attempts           integer NOT NULL,                   -- those that count: not while a dependency is away
    first_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (handler, topic, partition, record_offset)
);
CREATE INDEX delivery_attempts_first ON delivery_attempts (first_at);

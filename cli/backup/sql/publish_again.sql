-- Let the relay publish again what Kafka had when the backup was made and no handler had finished: the Kafka of the
-- restored system never saw it. What was handled after all is recognised by its id.
UPDATE outbox AS o
SET published_at = NULL
WHERE published_at IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM processed_events AS p
      WHERE p.event_source = o.event ->> 'source' AND p.event_id = o.event ->> 'id')

-- Note that a process of an event function has handled its first event.
-- $1 text note (JSON): function
-- columns: none
INSERT INTO activity (kind, note) VALUES ('starts', $1::text::json)

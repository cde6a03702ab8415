-- What was served, refused, settled and thought of it, on its way to the sums that GET /metrics of the function metrics
-- shows. Safe beside the previous release: it goes on calling release_lease, which notes nothing.

-- Notes wait here until they are gathered into events `search.performed` (events/activity.py): one second, mostly.
-- No index: a gathering reads all that is there, and a row lives for one or two of them.
CREATE TABLE activity (
    kind               text NOT NULL CHECK (kind IN ('requests', 'refusals', 'starts', 'documents', 'feedback')),
    note               json NOT NULL                       -- an item of that list in the event's data
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 100000);

-- Sums that outlive every process; rewritten by each event, hence the fill factor.
CREATE TABLE counters (
    name               text NOT NULL,
    labels             jsonb NOT NULL,                     -- label -> value
    value              double precision NOT NULL,
    PRIMARY KEY (name, labels)
) WITH (fillfactor = 50);

CREATE TABLE histograms (
    name               text NOT NULL,
    labels             jsonb NOT NULL,
    bounds             double precision[] NOT NULL,        -- upper bounds of the buckets; a last one without is implied
    counts             bigint[] NOT NULL,                  -- of each bucket alone
    total              double precision NOT NULL,          -- sum of what was observed
    PRIMARY KEY (name, labels),
    -- Sums over different buckets have different lengths and fail here instead of lying.
    CHECK (cardinality(counts) = cardinality(bounds) + 1 AND array_position(counts, NULL) IS NULL)
) WITH (fillfactor = 50);

-- What askers said of the passages that a search gave them; goes with the passage.
CREATE TABLE feedback (
    search_id          text NOT NULL,                      -- the search's trace id
    passage_id         bigint NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
    verdict            text NOT NULL CHECK (verdict IN ('relevant', 'irrelevant', 'clicked')),
    key_id             uuid NOT NULL,
    rank               integer,
    created_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (search_id, passage_id, verdict, key_id)
);
CREATE INDEX feedback_passage ON feedback (passage_id);
CREATE INDEX feedback_age ON feedback (created_at);

-- Give a lease back and note what was served, in one statement. A repeated call (again) is for an answer that was lost:
-- the lease tells whether the first one was done, so that the request is noted once.
CREATE FUNCTION end_request(held_key uuid, held_lease bigint, served json, again boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- As for the budget: no request waits for the disk. A crash of the database may forget the last fraction of a second.
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE key_usage
    SET leases = array_remove(leases, held_lease)
    WHERE key_id = held_key AND (NOT again OR held_lease = ANY (leases));
    IF FOUND OR NOT again THEN
        INSERT INTO activity (kind, note) VALUES ('requests', served);
    END IF;
END
$$;

-- A document's fate is noted in the transaction that decides it, whichever function and release that is.
CREATE FUNCTION note_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO activity (kind, note)
    VALUES ('documents', json_build_object(
        'outcome', NEW.state,
        'seconds', greatest(extract(epoch FROM clock_timestamp() - NEW.created_at)::double precision, 0)
    ));
    RETURN NULL;
END
$$;

-- A version that answered searches and is replaced was settled before.
CREATE TRIGGER documents_settled AFTER UPDATE OF state ON documents FOR EACH ROW
WHEN (OLD.state <> NEW.state AND OLD.state <> 'indexed' AND NEW.state IN ('indexed', 'failed', 'superseded'))
EXECUTE FUNCTION note_settled();

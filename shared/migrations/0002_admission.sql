-- Admission of a request: one statement decides, for every replica alike.

-- A lease is named by the moment it ends (microseconds since the epoch), unique within its key: eight bytes each,
-- so that a hundred of them stay in the row, where a jsonb object of them would be moved out of line.
ALTER TABLE key_usage DROP COLUMN leases;
ALTER TABLE key_usage ADD COLUMN leases bigint[] NOT NULL DEFAULT '{}';

CREATE INDEX sources_doi ON sources (lower(doi)) WHERE doi IS NOT NULL;
CREATE INDEX sources_external_id ON sources (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX api_keys_listing ON api_keys (created_at, id);

-- Check a key and take one request and one lease from its budget.
--
-- asked_scopes: the key needs one of them; empty: any valid key.
-- outcome: admitted, unknown (also a wrong secret), revoked, expired, scope, rate, concurrency; only an admitted
-- request changes the budget. reset_s: seconds until the hour of this key ends, a full hour where none has begun.
CREATE FUNCTION admit(
    asked_key        uuid,
    asked_secret     bytea,
    asked_scopes     text[],
    lease_s          integer,
    OUT outcome      text,
    OUT key_tier     text,
    OUT key_scopes   text[],
    OUT key_collections text[],
    OUT hourly_limit integer,
    OUT concurrency_limit integer,
    OUT remaining    integer,
    OUT reset_s      integer,
    OUT lease        bigint
) LANGUAGE plpgsql AS $$
DECLARE
    the_key     api_keys%ROWTYPE;
    the_usage   key_usage%ROWTYPE;
    at_moment   timestamptz := clock_timestamp();
    at_us       bigint := (extract(epoch FROM at_moment) * 1000000)::bigint;
    an_hour     CONSTANT interval := '1 hour';
BEGIN
    SELECT * INTO the_key FROM api_keys AS k WHERE k.id = asked_key AND k.secret_sha256 = asked_secret;
    IF NOT FOUND THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    key_tier := the_key.tier;
    key_scopes := the_key.scopes;
    key_collections := the_key.collections;
    hourly_limit := the_key.per_hour;
    concurrency_limit := the_key.concurrent;
    outcome := CASE
        WHEN the_key.revoked_at IS NOT NULL THEN 'revoked'
        WHEN the_key.expires_at <= at_moment THEN 'expired'
        WHEN cardinality(asked_scopes) > 0 AND NOT the_key.scopes && asked_scopes THEN 'scope'
        ELSE 'admitted'
    END;
    IF outcome IN ('revoked', 'expired') THEN
        RETURN;
    END IF;
    -- A budget is worth no wait for the disk: a crash may forget the last fraction of a second of it.
    PERFORM set_config('synchronous_commit', 'off', true);

    IF outcome = 'admitted' THEN
        lease := at_us + lease_s * 1000000::bigint;
        -- The common case in one update: the hour runs, both budgets have room, no lease has been left behind.
        UPDATE key_usage AS u
        SET window_requests = u.window_requests + 1,
            total_requests = u.total_requests + 1,
            leases = u.leases || lease
        WHERE u.key_id = asked_key
          AND u.window_started_at > at_moment - an_hour
          AND u.window_requests < the_key.per_hour
          AND cardinality(u.leases) < the_key.concurrent
          AND (cardinality(u.leases) = 0 OR u.leases[1] > at_us)
          AND lease <> ALL (u.leases)
        RETURNING u.window_started_at, u.window_requests INTO the_usage.window_started_at, the_usage.window_requests;
        IF FOUND THEN
            remaining := the_key.per_hour - the_usage.window_requests;
            reset_s := ceil(extract(epoch FROM the_usage.window_started_at + an_hour - at_moment));
            RETURN;
        END IF;
    END IF;

    -- The rest, under the row's lock: a first request, an hour that has ended, expired leases, or a refusal.
    INSERT INTO key_usage (key_id) VALUES (asked_key) ON CONFLICT DO NOTHING;
    SELECT * INTO the_usage FROM key_usage AS u WHERE u.key_id = asked_key FOR UPDATE;
    at_moment := clock_timestamp();
    at_us := (extract(epoch FROM at_moment) * 1000000)::bigint;
    the_usage.leases := ARRAY(SELECT held FROM unnest(the_usage.leases) AS held WHERE held > at_us ORDER BY held);
    IF the_usage.window_started_at <= at_moment - an_hour THEN
        INSERT INTO usage_windows (key_id, window_started_at, requests)
        VALUES (asked_key, the_usage.window_started_at, the_usage.window_requests)
        ON CONFLICT DO NOTHING;
        the_usage.window_started_at := NULL;
        the_usage.window_requests := 0;
    END IF;

    IF outcome = 'admitted' THEN
        outcome := CASE
            WHEN the_usage.window_requests >= the_key.per_hour THEN 'rate'
            WHEN cardinality(the_usage.leases) >= the_key.concurrent THEN 'concurrency'
            ELSE 'admitted'
        END;
        IF outcome = 'admitted' THEN
            lease := at_us + lease_s * 1000000::bigint;
            WHILE lease = ANY (the_usage.leases) LOOP
                lease := lease + 1;
            END LOOP;
            the_usage.leases := the_usage.leases || lease;
            the_usage.window_started_at := coalesce(the_usage.window_started_at, at_moment);
            the_usage.window_requests := the_usage.window_requests + 1;
            the_usage.total_requests := the_usage.total_requests + 1;
        ELSE
            lease := NULL;
            the_usage.refused_requests := the_usage.refused_requests + 1;
        END IF;
    END IF;
    UPDATE key_usage AS u
    SET window_started_at = the_usage.window_started_at,
        window_requests = the_usage.window_requests,
        total_requests = the_usage.total_requests,
        refused_requests = the_usage.refused_requests,
        leases = the_usage.leases
    WHERE u.key_id = asked_key;
    remaining := greatest(the_key.per_hour - the_usage.window_requests, 0);
    reset_s := ceil(extract(epoch FROM coalesce(the_usage.window_started_at, at_moment) + an_hour - at_moment));
END
$$;

-- Give a lease back; one that has expired or is unknown changes nothing.
CREATE FUNCTION release_lease(held_key uuid, held_lease bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE key_usage SET leases = array_remove(leases, held_lease) WHERE key_id = held_key;
END
$$;

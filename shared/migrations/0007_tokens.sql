-- Tokens of an OIDC issuer: a subject has a budget like a key. The previous release neither sees nor touches them.

-- What the last token of a subject said; its id is a UUID5 of issuer and subject, and key_usage counts under it.
CREATE TABLE token_subjects (
    id                 uuid PRIMARY KEY,
    issuer             text NOT NULL,
    subject            text NOT NULL,
    tier               text NOT NULL CHECK (tier IN ('free', 'standard', 'premium')),
    scopes             text[] NOT NULL,
    collections        text[],                             -- NULL: every collection
    per_hour           integer NOT NULL,
    concurrent         integer NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (issuer, subject)
);

-- Budgets belong to keys and to subjects alike. Keys are revoked, never deleted, so the references held nothing.
ALTER TABLE key_usage DROP CONSTRAINT key_usage_key_id_fkey;
ALTER TABLE usage_windows DROP CONSTRAINT usage_windows_key_id_fkey;

-- Take one request and one lease from a budget, in whatever hour it is. The body is that of admit in 0002_admission,
-- which stays as it is: requests with a key pay for no nested call, and the previous release runs what it knows.
--
-- wanted: false reads the budget alone. outcome: admitted, rate, concurrency; NULL unless wanted. reset_s: seconds until
-- the hour ends, a full hour where none has begun.
CREATE FUNCTION take_budget(
    holder           uuid,
    per_hour         integer,
    at_once          integer,
    wanted           boolean,
    lease_s          integer,
    OUT outcome      text,
    OUT remaining    integer,
    OUT reset_s      integer,
    OUT lease        bigint
) LANGUAGE plpgsql AS $$
DECLARE
    the_usage   key_usage%ROWTYPE;
    at_moment   timestamptz := clock_timestamp();
    at_us       bigint := (extract(epoch FROM at_moment) * 1000000)::bigint;
    an_hour     CONSTANT interval := '1 hour';
BEGIN
    -- A budget is worth no wait for the disk: a crash may forget the last fraction of a second of it.
    PERFORM set_config('synchronous_commit', 'off', true);

    IF wanted THEN
        lease := at_us + lease_s * 1000000::bigint;
        -- The common case in one update: the hour runs, both budgets have room, no lease has been left behind.
        UPDATE key_usage AS u
        SET window_requests = u.window_requests + 1,
            total_requests = u.total_requests + 1,
            leases = u.leases || lease
        WHERE u.key_id = holder
          AND u.window_started_at > at_moment - an_hour
          AND u.window_requests < per_hour
          AND cardinality(u.leases) < at_once
          AND (cardinality(u.leases) = 0 OR u.leases[1] > at_us)
          AND lease <> ALL (u.leases)
        RETURNING u.window_started_at, u.window_requests INTO the_usage.window_started_at, the_usage.window_requests;
        IF FOUND THEN
            outcome := 'admitted';
            remaining := per_hour - the_usage.window_requests;
            reset_s := ceil(extract(epoch FROM the_usage.window_started_at + an_hour - at_moment));
            RETURN;
        END IF;
    END IF;

    -- The rest, under the row's lock: a first request, an hour that has ended, expired leases, or a refusal.
    INSERT INTO key_usage (key_id) VALUES (holder) ON CONFLICT DO NOTHING;
    SELECT * INTO the_usage FROM key_usage AS u WHERE u.key_id = holder FOR UPDATE;
    at_moment := clock_timestamp();
    at_us := (extract(epoch FROM at_moment) * 1000000)::bigint;
    the_usage.leases := ARRAY(SELECT held FROM unnest(the_usage.leases) AS held WHERE held > at_us ORDER BY held);
    IF the_usage.window_started_at <= at_moment - an_hour THEN
        INSERT INTO usage_windows (key_id, window_started_at, requests)
        VALUES (holder, the_usage.window_started_at, the_usage.window_requests)
        ON CONFLICT DO NOTHING;
        the_usage.window_started_at := NULL;
        the_usage.window_requests := 0;
    END IF;

    IF wanted THEN
        outcome := CASE
            WHEN the_usage.window_requests >= per_hour THEN 'rate'
            WHEN cardinality(the_usage.leases) >= at_once THEN 'concurrency'
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
    WHERE u.key_id = holder;
    remaining := greatest(per_hour - the_usage.window_requests, 0);
    reset_s := ceil(extract(epoch FROM coalesce(the_usage.window_started_at, at_moment) + an_hour - at_moment));
END
$$;

-- Let the subject of a verified token in: note what the token says where that is new, then take from its budget.
--
-- asked_scopes: the subject needs one of them; empty: any token. outcome: admitted, scope, rate, concurrency.
CREATE FUNCTION admit_token(
    holder           uuid,
    its_issuer       text,
    its_subject      text,
    its_tier         text,
    its_scopes       text[],
    its_collections  text[],
    its_per_hour     integer,
    its_concurrent   integer,
    asked_scopes     text[],
    lease_s          integer,
    OUT outcome      text,
    OUT remaining    integer,
    OUT reset_s      integer,
    OUT lease        bigint
) LANGUAGE plpgsql AS $$
DECLARE
    holds_scope boolean := cardinality(asked_scopes) = 0 OR its_scopes && asked_scopes;
BEGIN
    PERFORM FROM token_subjects AS t
    WHERE t.id = holder AND t.tier = its_tier AND t.scopes = its_scopes
      AND t.collections IS NOT DISTINCT FROM its_collections
      AND t.per_hour = its_per_hour AND t.concurrent = its_concurrent;
    IF NOT FOUND THEN
        INSERT INTO token_subjects (id, issuer, subject, tier, scopes, collections, per_hour, concurrent)
        VALUES (holder, its_issuer, its_subject, its_tier, its_scopes, its_collections, its_per_hour, its_concurrent)
        ON CONFLICT (id) DO UPDATE
        SET tier = its_tier, scopes = its_scopes, collections = its_collections,
            per_hour = its_per_hour, concurrent = its_concurrent;
    END IF;
    SELECT b.outcome, b.remaining, b.reset_s, b.lease INTO outcome, remaining, reset_s, lease
    FROM take_budget(holder, its_per_hour, its_concurrent, holds_scope, lease_s) AS b;
    outcome := coalesce(outcome, 'scope');
END
$$;

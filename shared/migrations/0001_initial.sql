-- The whole schema of the main job. Forward only; every statement is safe while the previous release still runs.
-- Needs: PostgreSQL 14 or newer, pgvector 0.8.4 or newer (0.8.3 corrupts HNSW indexes on vacuum).

CREATE EXTENSION IF NOT EXISTS vector;

-- ---------------------------------------------------------------- collections and models

CREATE TABLE collections (
    id                 integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name               text NOT NULL UNIQUE,
    -- BM25 statistics of the searchable passages of this collection.
    passages           bigint NOT NULL DEFAULT 0,
    total_length       bigint NOT NULL DEFAULT 0,          -- sum of passages.lexical_length
    -- Impacts are computed with this frozen average; refresh moves it when the true one has drifted.
    average_length     double precision NOT NULL DEFAULT 0,
    frozen_passages    bigint NOT NULL DEFAULT 0,          -- passages when the average was frozen
    rewrite_position   bigint,                             -- last passage rewritten; NULL: no rewrite under way
    generation         integer NOT NULL DEFAULT 1,
    -- Counts every change that a search could see; part of index_version.
    version            bigint NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE models (
    id                 smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name               text NOT NULL UNIQUE,
    dimension          integer NOT NULL CHECK (dimension BETWEEN 1 AND 4000),
    active             boolean NOT NULL DEFAULT false,
    created_at         timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX models_one_active ON models (active) WHERE active;

-- ---------------------------------------------------------------- sources, documents, passages

CREATE TABLE sources (
    id                 uuid PRIMARY KEY,                   -- uuid5 of (collection, identity)
    collection_id      integer NOT NULL REFERENCES collections (id),
    identity           text NOT NULL,                      -- external_id, else doi, else SHA-256 of the bytes, prefixed
    external_id        text,
    title              text NOT NULL,
    authors            text[] NOT NULL DEFAULT '{}',
    year               integer,
    venue              text,
    doi                text,
    arxiv_id           text,
    url                text,
    source_type        text NOT NULL CHECK (source_type IN ('paper', 'textbook', 'code_repo', 'note')),
    metadata           jsonb NOT NULL DEFAULT '{}',
    submitted_by       uuid,                               -- the key that put it in
    current_document   uuid,                               -- the version that is searchable now, if any
    passages           integer NOT NULL DEFAULT 0,         -- of the current document
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (collection_id, identity)
);
CREATE INDEX sources_listing ON sources (created_at, id);
CREATE INDEX sources_collection ON sources (collection_id, year);
CREATE INDEX sources_metadata ON sources USING gin (metadata jsonb_path_ops);
CREATE INDEX sources_authors ON sources USING gin (authors);

CREATE TABLE documents (
    id                 uuid PRIMARY KEY,                   -- one submission: one version of its source
    source_id          uuid NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    version            bigint NOT NULL GENERATED ALWAYS AS IDENTITY,   -- later submissions have higher ones
    state              text NOT NULL DEFAULT 'queued'
                       CHECK (state IN ('queued', 'extracting', 'embedding', 'indexed', 'failed', 'superseded')),
    fingerprint        bytea NOT NULL,                     -- SHA-256 of bytes and bibliographic data
    object_key         text NOT NULL,
    media_type         text NOT NULL,
    filename           text,
    size_bytes         bigint NOT NULL,
    bibliography       jsonb NOT NULL,                     -- what the submitter said: title, authors, year, ...
    pages              integer,
    passages_total     integer NOT NULL DEFAULT 0,
    passages_embedded  integer NOT NULL DEFAULT 0,
    problem            jsonb,                              -- RFC 9457 problem of a failed document
    trace_id           text,
    submitted_by       uuid,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    indexed_at         timestamptz
);
CREATE INDEX documents_source ON documents (source_id, version DESC);
CREATE INDEX documents_listing ON documents (created_at, id);
CREATE INDEX documents_state ON documents (state, created_at) WHERE state <> 'indexed';

CREATE TABLE passages (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id        uuid NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    source_id          uuid NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    collection_id      integer NOT NULL REFERENCES collections (id),
    ordinal            integer NOT NULL,                   -- from 0, in reading order
    text               text NOT NULL,                      -- what is shown
    heading            text NOT NULL DEFAULT '',           -- title and section path, indexed together with text
    section            text[] NOT NULL DEFAULT '{}',       -- section path, outermost first
    page_start         integer,                            -- from 1; NULL where the format has no pages
    page_end           integer,
    char_start         integer NOT NULL,                   -- in the extracted text of the document
    char_end           integer NOT NULL,
    tokens             integer NOT NULL,                   -- of heading and text, by the embedder's tokenizer
    lexical_length     integer NOT NULL DEFAULT 0,         -- lexemes counted with repetition
    live               boolean NOT NULL,                   -- false while an older version still answers searches
    UNIQUE (document_id, ordinal)
);
CREATE INDEX passages_source ON passages (source_id, ordinal);
CREATE INDEX passages_collection ON passages (collection_id, id);

-- ---------------------------------------------------------------- lexical index (BM25)

CREATE TABLE terms (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection_id      integer NOT NULL REFERENCES collections (id),
    term               text NOT NULL,
    document_frequency integer NOT NULL,
    UNIQUE (term, collection_id)
) WITH (fillfactor = 70);

-- impact = tf (k1 + 1) / (tf + k1 (1 - b + b length / average_length)), k1 1.2, b 0.75 (Robertson and Zaragoza 2009)
-- Only live passages have postings. No foreign keys: checking them would double the cost of the some 80 rows a passage;
-- shared.lexical alone writes and removes them, together with the counts in terms and collections.
CREATE TABLE postings (
    term_id            bigint NOT NULL,
    passage_id         bigint NOT NULL,
    frequency          smallint NOT NULL,
    impact             real NOT NULL
);
CREATE UNIQUE INDEX postings_passage ON postings (passage_id, term_id) INCLUDE (impact);
CREATE INDEX postings_impact ON postings (term_id, impact DESC) INCLUDE (passage_id);

-- ---------------------------------------------------------------- dense index

-- One row per passage and model. HNSW indexes are partial per model and made when the model is registered.
CREATE TABLE embeddings (
    passage_id         bigint NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
    model_id           smallint NOT NULL REFERENCES models (id),
    collection_id      integer NOT NULL,
    source_id          uuid NOT NULL,
    live               boolean NOT NULL,
    embedding          halfvec NOT NULL,
    PRIMARY KEY (passage_id, model_id)
);
ALTER TABLE embeddings ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE INDEX embeddings_source ON embeddings (source_id);
-- Ordered by passage, so that a small collection is read by this index whatever the planner thinks of its size.
CREATE INDEX embeddings_collection ON embeddings (collection_id, model_id, passage_id);

-- ---------------------------------------------------------------- events

CREATE TABLE outbox (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic              text NOT NULL,
    partition_key      text NOT NULL,                      -- the source's id: one source's events keep their order
    event              jsonb NOT NULL,                     -- a whole CloudEvent in the JSON format
    created_at         timestamptz NOT NULL DEFAULT now(),
    published_at       timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;
CREATE INDEX outbox_key ON outbox (partition_key);

-- Written in the transaction of the event's effect: a second delivery changes nothing.
CREATE TABLE processed_events (
    handler            text NOT NULL,                      -- the function: extract, embed, refresh
    event_source       text NOT NULL,
    event_id           text NOT NULL,
    processed_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (handler, event_source, event_id)
);
CREATE INDEX processed_events_age ON processed_events (processed_at);

CREATE TABLE dead_letters (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic              text NOT NULL,                      -- where the event came from and is replayed to
    partition_key      text NOT NULL,
    event              jsonb NOT NULL,                     -- a whole CloudEvent in the JSON format
    reason             text NOT NULL,
    attempts           integer NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    replayed_at        timestamptz
);
CREATE INDEX dead_letters_key ON dead_letters (partition_key);

-- ---------------------------------------------------------------- keys

CREATE TABLE api_keys (
    id                 uuid PRIMARY KEY,
    name               text NOT NULL,
    secret_sha256      bytea NOT NULL,
    tier               text NOT NULL CHECK (tier IN ('free', 'standard', 'premium')),
    scopes             text[] NOT NULL,
    collections        text[],                             -- NULL: every collection
    per_hour           integer NOT NULL,
    concurrent         integer NOT NULL,
    expires_at         timestamptz,
    created_at         timestamptz NOT NULL DEFAULT now(),
    revoked_at         timestamptz
);

-- One narrow row per key, rewritten by every request (HOT updates: hence the fill factor and no further index).
CREATE TABLE key_usage (
    key_id             uuid PRIMARY KEY REFERENCES api_keys (id) ON DELETE CASCADE,
    window_started_at  timestamptz,
    window_requests    integer NOT NULL DEFAULT 0,
    total_requests     bigint NOT NULL DEFAULT 0,
    refused_requests   bigint NOT NULL DEFAULT 0,
    leases             jsonb NOT NULL DEFAULT '{}'         -- lease id -> expiry, seconds since the epoch
) WITH (fillfactor = 10);

-- Ended windows, for GET /usage; swept by refresh.
CREATE TABLE usage_windows (
    key_id             uuid NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    window_started_at  timestamptz NOT NULL,
    requests           integer NOT NULL,
    PRIMARY KEY (key_id, window_started_at)
);

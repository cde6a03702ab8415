-- Embedding models side by side: one answers searches, others are kept current beside it, or are being removed.
-- An older release knows neither column: it goes on with the active model alone.
ALTER TABLE models
    ADD COLUMN kept boolean NOT NULL DEFAULT false,        -- new passages get its vectors too; the active one's always
    ADD COLUMN removed boolean NOT NULL DEFAULT false,     -- its vectors are being deleted, or have been
    ADD COLUMN last_active_at timestamptz;                 -- when another one took its place

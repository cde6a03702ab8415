-- Whether the application's database is there.
-- psql variables: database text. Columns: one row with 1, or none.
SELECT 1 FROM pg_catalog.pg_database WHERE datname = :'database';

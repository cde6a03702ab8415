-- Whether the role of the application is there.
-- psql variables: role text. Columns: one row with 1, or none.
SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = :'role';

-- Programs that are connected to this database, this session aside.
-- Columns: sessions bigint
SELECT count(*) AS sessions
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()

-- The server and its vector extension: installed here, else the version that would be.
-- Columns: server_version_num integer, vector text (NULL: not available)
SELECT current_setting('server_version_num')::integer AS server_version_num,
       coalesce((SELECT extversion FROM pg_extension WHERE extname = 'vector'),
                (SELECT default_version FROM pg_available_extensions WHERE name = 'vector')) AS vector

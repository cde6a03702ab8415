#!/usr/bin/env bash
# Makes the application's role and database in a new cluster; the image runs it once, as the superuser.
set -euo pipefail

psql -X -q -v ON_ERROR_STOP=1 -U postgres -d postgres <<'SQL'
\set role research_kb
\set database research_kb
\set password `cat /run/secrets/postgres_password`
\i /etc/research-kb/sql/create_role.sql
\i /etc/research-kb/sql/create_database.sql
\c research_kb
\i /etc/research-kb/sql/create_extension.sql
SQL

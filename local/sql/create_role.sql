-- The application's role: owns its database, may make others for tests, is no superuser.
-- psql variables: role text, password text. Columns: none.
CREATE ROLE :"role" LOGIN CREATEDB PASSWORD :'password';
GRANT pg_monitor TO :"role";

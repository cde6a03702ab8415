-- The application's database, owned by its role.
-- psql variables: database text, role text. Columns: none.
CREATE DATABASE :"database" OWNER :"role";

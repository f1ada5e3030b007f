-- One t event per truncated table.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA truncate;
SET search_path = truncate;
CREATE TABLE parent (id serial PRIMARY KEY);
CREATE TABLE child (id serial PRIMARY KEY, parent int REFERENCES parent);
CREATE TABLE other (id int);
CREATE UNLOGGED TABLE unlogged (id int);
SELECT 'slot' FROM pg_create_logical_replication_slot('truncate', 'cdc_envelope');
TRUNCATE other;
TRUNCATE parent, child, other, unlogged;
TRUNCATE parent CASCADE;
TRUNCATE other RESTART IDENTITY;
TRUNCATE parent RESTART IDENTITY CASCADE;
BEGIN;
INSERT INTO other VALUES (1);
TRUNCATE other;
INSERT INTO other VALUES (2);
COMMIT;
BEGIN;
TRUNCATE other;
ROLLBACK;
SELECT pg_temp.events('truncate');
-- nothing waits for a lock: under synchronous replication a TRUNCATE keeps its own until we have told that we have it
CREATE TABLE held (id int PRIMARY KEY);
INSERT INTO held VALUES (1);
TRUNCATE held;
\setenv PGDATABASE :DBNAME
\setenv PGOPTIONS '-c lock_timeout=2s'
BEGIN;
TRUNCATE held;
LOCK TABLE cdc_envelope.schema_history;
\! psql -XqAtc "SELECT data::json ->> 'op_type', data::json ->> 'schema_version' FROM pg_logical_slot_peek_changes('truncate', NULL, NULL)"
ROLLBACK;
SELECT pg_drop_replication_slot('truncate');
SET client_min_messages = warning;
DROP SCHEMA truncate CASCADE;

-- Rows of the history that come with a dump: what a restore goes on to do to their tables is no new version, and what anybody
-- else does is, under whatever settings.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\set news :abs_srcdir '/sql/news.inc'
\i :stream
\i :news
\set ECHO all
CREATE SCHEMA restored;
SET search_path = restored;
CREATE TABLE halfway (id int PRIMARY KEY, code int NOT NULL UNIQUE, n int);
ALTER TABLE halfway REPLICA IDENTITY USING INDEX halfway_code_key;
CREATE TABLE changed (id int PRIMARY KEY, n int);
CREATE TEMP TABLE dump AS SELECT schema_name, table_name, version, fingerprint, definition, previous, tag, statement, relation, recorded_at
    FROM cdc_envelope.schema_history WHERE schema_name = 'restored';
DROP TABLE halfway, changed;
SELECT 'slot' FROM pg_create_logical_replication_slot('restored', 'cdc_envelope');
-- as a script of pg_dump does it: tables, rows, constraints
SET check_function_bodies = off;
CREATE TABLE halfway (id int NOT NULL, code int NOT NULL, n int);
CREATE TABLE changed (id int NOT NULL, n int);
INSERT INTO cdc_envelope.schema_history SELECT * FROM dump ORDER BY table_name, version;
CREATE TEMP VIEW recorded AS SELECT concat_ws(' ', table_name, version, tag, restored, CASE WHEN relation <> 0 THEN 'bound' END) FROM cdc_envelope.schema_history
    WHERE schema_name = 'restored' ORDER BY table_name, version;
TABLE recorded;
ALTER TABLE halfway ADD PRIMARY KEY (id);
COMMENT ON CONSTRAINT halfway_pkey ON halfway IS 'as dumped';
CREATE INDEX ON halfway (n);
ALTER TABLE halfway ADD CHECK (n > 0);
TABLE recorded;
ALTER TABLE halfway ADD CONSTRAINT halfway_code_key UNIQUE (code);
ALTER TABLE halfway REPLICA IDENTITY USING INDEX halfway_code_key;
TABLE recorded;
-- not as it does
ALTER TABLE changed ADD extra int;
TABLE recorded;
RESET check_function_bodies;
ALTER TABLE changed ADD PRIMARY KEY (id);
INSERT INTO halfway VALUES (1, 1, 1);
INSERT INTO changed VALUES (1, 1, 1);
TABLE recorded;
SELECT pg_temp.news('restored', 'ddl', 'off');
SELECT pg_drop_replication_slot('restored');
SET client_min_messages = warning;
DROP SCHEMA restored CASCADE;

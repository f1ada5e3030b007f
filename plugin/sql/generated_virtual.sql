-- needs PostgreSQL 18
-- A virtual column is not in the WAL: it is in no event, and in no definition.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA virtual;
SET search_path = virtual;
SELECT 'slot' FROM pg_create_logical_replication_slot('virtual', 'cdc_envelope');
CREATE TABLE t (id int PRIMARY KEY, v int GENERATED ALWAYS AS (id * 2) VIRTUAL, s int GENERATED ALWAYS AS (id * 3) STORED, n text);
ALTER TABLE t REPLICA IDENTITY FULL;
INSERT INTO t VALUES (1, DEFAULT, DEFAULT, 'one');
UPDATE t SET n = 'uno', id = 2;
ALTER TABLE t ADD w text GENERATED ALWAYS AS (n || '!') VIRTUAL;
DELETE FROM t;
SELECT pg_temp.events('virtual');
-- a stored one may be in a publication's list
CREATE PUBLICATION regress_virtual FOR TABLE t (id, s);
INSERT INTO t VALUES (3, DEFAULT, DEFAULT, 'three', DEFAULT);
SELECT cdc_envelope.encode(t, 'r', '0/0', '2026-02-07 05:55:21.123456+00', '{projection=virtual}') FROM t;
SELECT version, tag FROM cdc_envelope.schema_history WHERE schema_name = 'virtual' ORDER BY version;
SELECT pg_temp.events('virtual', 'publication_names', 'regress_virtual');
SELECT pg_drop_replication_slot('virtual');
DROP PUBLICATION regress_virtual;
SET client_min_messages = warning;
DROP SCHEMA virtual CASCADE;

-- Columns that are computed, dropped, added again, or filled in without a rewrite.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA generated;
SET search_path = generated;
CREATE TABLE t (id int PRIMARY KEY, a int, dropped text, g int GENERATED ALWAYS AS (a * 2) STORED, i int GENERATED ALWAYS AS IDENTITY);
ALTER TABLE t REPLICA IDENTITY FULL;
SELECT 'slot' FROM pg_create_logical_replication_slot('generated', 'cdc_envelope');
INSERT INTO t VALUES (1, 1, 'gone'), (2, 2, 'gone');
UPDATE t SET a = 5 WHERE id = 1;
ALTER TABLE t DROP dropped;
UPDATE t SET a = 6 WHERE id = 1;
-- defaults that no row holds yet
ALTER TABLE t ADD dropped text DEFAULT 'fast', ADD at date NOT NULL DEFAULT '2026-02-07';
UPDATE t SET a = 7 WHERE id = 2;
DELETE FROM t WHERE id = 1;
SELECT pg_temp.events('generated', 'ddl', 'off');
CREATE TABLE none ();
INSERT INTO none DEFAULT VALUES;
CREATE TABLE wide (id int PRIMARY KEY);
SELECT format('ALTER TABLE wide %s', string_agg(format('ADD c%s int DEFAULT %s', i, i), ', ')) AS sql FROM generate_series(1, 300) i \gset
\set ECHO none
:sql;
\set ECHO all
INSERT INTO wide VALUES (1);
SELECT CASE WHEN line::json ->> 'table' = 'none' THEN line ELSE length(line) || ' ' || (line::json -> 'after' ->> 'c300') END
FROM (SELECT pg_temp.events('generated', 'ddl', 'off') AS line) e;
SELECT pg_drop_replication_slot('generated');
SET client_min_messages = warning;
DROP SCHEMA generated CASCADE;

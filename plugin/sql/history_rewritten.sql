-- A slot reads the same, byte for byte, after the history's own table and indexes were rewritten behind its back: versions,
-- definitions that are stored out of line, and several definitions within one transaction.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\set news :abs_srcdir '/sql/news.inc'
CREATE DATABASE regress_rewritten;
\c regress_rewritten
\i :stream
\i :news
CREATE FUNCTION pg_temp.wide(suffix text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s AS "%s"', n, md5(n || suffix)), ', ' ORDER BY n) FROM generate_series(1, 300) n $$;
\set ECHO all
CREATE EXTENSION cdc_envelope;
SELECT 'slot' FROM pg_create_logical_replication_slot('rewritten', 'cdc_envelope');
CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO t VALUES (1);
BEGIN;
ALTER TABLE t ADD a int;
INSERT INTO t VALUES (2, 2);
SAVEPOINT before;
ALTER TABLE t ADD gone int;
ROLLBACK TO before;
INSERT INTO t VALUES (3, 3);
ALTER TABLE t DROP a;
INSERT INTO t VALUES (4);
COMMIT;
INSERT INTO t VALUES (5);
-- its rows come before its row of the history, which is read from the table
SELECT format('CREATE TABLE wide AS SELECT 1 AS id, %s', pg_temp.wide('')) AS statement \gset
:statement;
-- the definition before the one that was not recorded is read from the table
SET session_replication_role = replica;
ALTER TABLE wide ADD unrecorded int;
RESET session_replication_role;
SET client_min_messages = error;
INSERT INTO wide (id) VALUES (2);
ALTER TABLE t ADD last int;
INSERT INTO t VALUES (6, 6);
SELECT count(*) > 0 AS out_of_line FROM cdc_envelope.schema_history
 WHERE pg_column_size(definition) > 2000 AND table_name = 'wide';
CREATE TEMP TABLE first_reading AS SELECT * FROM pg_temp.peek('rewritten') WITH ORDINALITY AS p(line, n);
SELECT concat_ws(' ', e ->> 'op_type', e ->> 'table', e ->> 'schema_version', e #>> '{ddl,tag}',
    json_array_length(e -> 'before' -> 'columns'), json_array_length(e -> 'after' -> 'columns'))
  FROM first_reading, LATERAL (SELECT line::json AS e) s ORDER BY n;
CREATE FUNCTION pg_temp.differences() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM first_reading FULL JOIN pg_temp.peek('rewritten') WITH ORDINALITY AS p(line, n) USING (line, n)
     WHERE first_reading.ctid IS NULL OR p.n IS NULL $$;
SELECT pg_temp.differences();
REINDEX TABLE cdc_envelope.schema_history;
SELECT pg_temp.differences();
REINDEX TABLE CONCURRENTLY cdc_envelope.schema_history;
SELECT pg_temp.differences();
VACUUM FULL cdc_envelope.schema_history;
SELECT pg_temp.differences();
CLUSTER cdc_envelope.schema_history USING schema_history_pkey;
SELECT pg_temp.differences();
-- once more, over files that are gone already
VACUUM (FULL, FREEZE) cdc_envelope.schema_history;
VACUUM FULL cdc_envelope.slot_policy;
CHECKPOINT;
SELECT pg_temp.differences();
ALTER TABLE cdc_envelope.schema_history DROP CONSTRAINT schema_history_pkey;
SELECT pg_temp.differences();
SELECT pg_drop_replication_slot('rewritten');
\c regression
DROP DATABASE regress_rewritten;

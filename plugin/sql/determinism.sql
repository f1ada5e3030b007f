-- The same WAL gives the same bytes, whatever the session has set; and the session keeps its settings.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA determinism;
SET search_path = determinism;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (id int PRIMARY KEY, ts timestamptz, tz timetz, d date, i interval, b bytea, f float8, f4 float4, m money, c regclass, e mood,
                x text, r tstzrange, dr daterange, p point, v tsvector, a timestamptz[], ty regtype, inet inet);
ALTER TABLE t REPLICA IDENTITY FULL;
CREATE TABLE "Quoted me" (id int);
SELECT 'slot' FROM pg_create_logical_replication_slot('determinism', 'cdc_envelope');
SET lc_monetary = 'C';
INSERT INTO t VALUES (1, '2026-02-07 05:55:21.123456+00', '05:55:21+02', '2026-02-07', '1 year 2 mons -3 days 04:05:06.5', '\x00ff',
    0.1::float8 + 0.2, 1.1, '12345.67', '"Quoted me"', 'happy', '<a>ü</a>', '["2026-01-01 00:00+00",)', '[2026-01-01,2026-02-01)', '(0.1,1e300)',
    'a:1 b:2', '{"2026-02-07 05:55:21+00",infinity}', 'mood', '10.0.0.1/24');
UPDATE t SET id = 2;
CREATE TABLE readings (reading text, line text, position bigint);
CREATE PROCEDURE read(name text) LANGUAGE sql AS $$
    INSERT INTO determinism.readings SELECT name, data, row_number() OVER ()
      FROM pg_logical_slot_peek_changes('determinism', NULL, NULL, 'include_tables', 'determinism.t', 'transactions', 'on') $$;
CALL read('as it is');
SET DateStyle = 'German, DMY';
SET TimeZone = 'Asia/Kathmandu';
SET IntervalStyle = 'sql_standard';
SET bytea_output = 'escape';
SET extra_float_digits = -5;
SET xmlbinary = 'hex';
SET quote_all_identifiers = on;
SET search_path = pg_temp;
SET client_encoding = 'LATIN1';
CALL determinism.read('with everything set');
-- as the session set them, after it as before it
SHOW DateStyle;
SHOW TimeZone;
SHOW IntervalStyle;
SHOW bytea_output;
SHOW extra_float_digits;
SHOW quote_all_identifiers;
SHOW search_path;
SHOW client_encoding;
RESET ALL;
\encoding UTF8
SET search_path = determinism;
-- in the middle of a transaction, in a subtransaction, after an error
BEGIN;
SET LOCAL DateStyle = 'SQL, MDY';
SET LOCAL search_path = determinism, public;
SAVEPOINT s;
SELECT count(*) FROM pg_logical_slot_peek_changes('determinism', NULL, NULL, 'colour', 'blue');
ROLLBACK TO s;
CALL read('in a transaction');
SHOW DateStyle;
SHOW search_path;
COMMIT;
SELECT reading, count(*), md5(string_agg(line, E'\n' ORDER BY position)) = (SELECT md5(string_agg(line, E'\n' ORDER BY position)) FROM readings WHERE reading = 'as it is')
FROM readings GROUP BY 1 ORDER BY 1;
-- encode() under other settings
SET DateStyle = 'German, DMY';
SET TimeZone = 'Asia/Kathmandu';
SET search_path = determinism, public;
SELECT cdc_envelope.encode(t, 'r', '0/0', '2026-02-07 05:55:21.123456+00', '{projection=determinism}') FROM t;
SHOW DateStyle;
SHOW search_path;
RESET DateStyle;
RESET TimeZone;
-- what the bytes are
SELECT pg_temp.steady(line) FROM readings WHERE reading = 'as it is' ORDER BY position;
-- a copy of the slot, read in another order of things
SELECT 'copy' FROM pg_copy_logical_replication_slot('determinism', 'determinism_copy');
SELECT count(*), bool_and(copy.data = readings.line) FROM readings
JOIN (SELECT data, row_number() OVER () AS position FROM pg_logical_slot_get_changes('determinism_copy', NULL, NULL,
          'include_tables', 'determinism.t', 'transactions', 'on', 'projection', 'determinism')) copy USING (position)
WHERE reading = 'as it is';
SELECT pg_drop_replication_slot('determinism_copy');
SELECT pg_drop_replication_slot('determinism');
SET client_min_messages = warning;
DROP SCHEMA determinism CASCADE;

-- Types of extensions: their values come back from the stream, and their names stand in definitions. Where contrib is not installed: its second expected output.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\set news :abs_srcdir '/sql/news.inc'
\i :stream
\i :news
\set ECHO all
SELECT count(*) < 7 AS no_contrib FROM pg_available_extensions WHERE name IN ('citext', 'cube', 'hstore', 'intarray', 'isn', 'ltree', 'seg') \gset
\if :no_contrib
\quit
\endif
CREATE SCHEMA types_extensions;
CREATE SCHEMA types_extensions_2;
SET search_path = types_extensions;
SET client_min_messages = warning;
CREATE EXTENSION citext;
CREATE EXTENSION cube;
CREATE EXTENSION hstore;
CREATE EXTENSION intarray;
CREATE EXTENSION isn;
CREATE EXTENSION ltree;
CREATE EXTENSION seg;
CREATE TABLE t (id citext PRIMARY KEY, c cube, h hstore, hh hstore[], q query_int, i isbn, l ltree, lq lquery, ll ltree[], s seg);
SELECT 'slot' FROM pg_create_logical_replication_slot('types_extensions', 'cdc_envelope');
INSERT INTO t VALUES ('Kü"che', '(1,2),(3,4)', '"a b"=>"1", c=>NULL', '{"x=>y",NULL}', '1&(2|!3)', '978-0-393-04002-9', 'Top.Science', '*.Science{1,2}', '{a.b,c}', '1.5 .. 2.50');
INSERT INTO t (id) VALUES ('null');
UPDATE t SET id = 'KÜCHE', h = h || 'd=>4' WHERE id = 'kü"che';
CREATE TEMP TABLE seen AS SELECT data::json AS e FROM pg_logical_slot_get_changes('types_extensions', NULL, NULL);
SELECT e ->> 'source_id', e -> 'after' FROM seen WHERE e ->> 'op_type' <> 's';
SELECT count(*) FROM t JOIN seen ON e -> 'after' ->> 'id' = t.id::text AND e ->> 'op_type' IN ('c', 'u')
    WHERE json_populate_record(NULL::t, e -> 'after') *= t;
-- the extension moves and goes
ALTER EXTENSION citext SET SCHEMA types_extensions_2;
SET search_path = types_extensions, types_extensions_2;
INSERT INTO t (id) VALUES ('Moved');
SELECT pg_temp.news('types_extensions');
DROP EXTENSION citext CASCADE;
INSERT INTO t (h) VALUES ('a=>1');
SELECT pg_temp.news('types_extensions');
SELECT pg_drop_replication_slot('types_extensions');
DROP SCHEMA types_extensions, types_extensions_2 CASCADE;

-- Names of any kind: as they are in the JSON, percent-encoded in source_id.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA quoting;
SET search_path = quoting;
CREATE SCHEMA "Sch ema.1";
CREATE TABLE "Sch ema.1"."ta""b.l%e" ("i d" int PRIMARY KEY, "c""o'l\" text);
CREATE TABLE "Sch ema.1".unreserved_az09 ("AZaz09-._~" text PRIMARY KEY);
CREATE TABLE "Sch ema.1"."таблица😀" ("ключ" text PRIMARY KEY);
SELECT format('CREATE TABLE "Sch ema.1".%I (%I int PRIMARY KEY)', E'line\nfeed\ttab', repeat('ü', 31) || 'x') \gexec
SELECT format('CREATE TABLE "Sch ema.1".%I (id int PRIMARY KEY)', repeat('n', 63)) \gexec
SELECT 'slot' FROM pg_create_logical_replication_slot('quoting', 'cdc_envelope');
INSERT INTO "Sch ema.1"."ta""b.l%e" VALUES (1, 'x');
INSERT INTO "Sch ema.1".unreserved_az09 VALUES ('AZaz09-._~'), ('a/b?c#d[e]@f!g$h&i''j(k)l*m+n,o;p=q:r %"\'), (E'line\nfeed'), (''), ('ключ😀');
INSERT INTO "Sch ema.1"."таблица😀" VALUES ('значение');
SELECT format('INSERT INTO "Sch ema.1".%I VALUES (1)', E'line\nfeed\ttab') \gexec
SELECT format('INSERT INTO "Sch ema.1".%I VALUES (1)', repeat('n', 63)) \gexec
TRUNCATE "Sch ema.1"."ta""b.l%e";
SELECT pg_temp.peek('quoting', 'transactions', 'on');
-- the same names in options
SELECT pg_temp.peek('quoting', 'include_tables', '"Sch ema.1"."ta""b.l%e"');
SELECT pg_temp.peek('quoting', 'include_tables', '"Sch ema.1"."таб*"');
SELECT count(*) FROM (SELECT pg_temp.peek('quoting', 'exclude_tables', '"Sch ema.1".*')) e;
SELECT pg_temp.peek('quoting', 'include_tables', '"Sch ema.1".ta*', 'mask', '"Sch ema.1"."ta""b.l%e"."c""o''l\":redact');
-- an s event's names
SELECT 'taken' FROM pg_temp.events('quoting') HAVING count(*) > 0;
ALTER TABLE "Sch ema.1"."ta""b.l%e" ADD "n,ew" int;
DROP SCHEMA "Sch ema.1" CASCADE;
SELECT pg_temp.events('quoting');
SELECT pg_drop_replication_slot('quoting');
SET client_min_messages = warning;
DROP SCHEMA quoting CASCADE;

-- encode() gives a row read by a query the bytes that the stream gives it.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA encode;
SET search_path = encode;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE t (id int PRIMARY KEY, gone int, t text, n numeric(10,2), ts timestamptz, j jsonb, m mood, a int[], b bytea, r int4range,
                g int GENERATED ALWAYS AS (id * 2) STORED);
ALTER TABLE t DROP gone;
CREATE TABLE keyless (a int);
SELECT 'slot' FROM pg_create_logical_replication_slot('encode', 'cdc_envelope');
INSERT INTO t VALUES (1, 'x', 1.5, '2026-02-07 05:55:21.5+02', '{"a": null}', 'happy', '{1,null}', '\x00ff', '[1,5)'),
                     (2, NULL, NULL, 'infinity', 'null', NULL, NULL, NULL, 'empty'), (3, repeat('long', 10000), 0, NULL, '1', 'sad', '{}', '', NULL);
INSERT INTO keyless VALUES (1), (NULL);
ALTER TABLE t ADD later int DEFAULT 7;
SELECT cdc_envelope.encode(rec, 'r', '1/ABCDEF', '2026-02-07 05:55:21.123456+00') FROM t rec WHERE id <> 3 ORDER BY id;
SELECT cdc_envelope.encode(k, 'r', '1/ABCDEF', '2026-02-07 05:55:21+00', '{projection=encode}') FROM keyless k;
-- each op; options and op may differ from row to row
SELECT cdc_envelope.encode(k, op, '0/0', '2026-02-07 05:55:21+00', ARRAY['projection=' || op]) FROM (VALUES (1)) AS k1(a), keyless k,
       unnest('{r,c,u,d}'::text[]) op WHERE k.a = 1;
-- all but the head is the stream's
UPDATE t SET id = id;
CREATE FUNCTION pg_temp.tail(line text) RETURNS text LANGUAGE sql AS $$ SELECT substr(line, strpos(line, '"schema":')) $$;
CREATE TEMP TABLE streamed AS SELECT pg_temp.events('encode', 'include_tables', 'encode.t', 'ddl', 'off') AS line;
SELECT count(*), bool_and(pg_temp.tail(streamed.line) = pg_temp.tail(cdc_envelope.encode(rec, 'r', '0/0', now(), '{projection=encode}'))),
       bool_and(streamed.line::json ->> 'source_id' = cdc_envelope.encode(rec, 'r', '0/0', now())::json ->> 'source_id'),
       bool_and(streamed.line::json ->> 'schema_version' = cdc_envelope.encode(rec, 'r', '0/0', now())::json ->> 'schema_version')
FROM streamed JOIN t rec ON rec.id = (streamed.line::json -> 'key' ->> 'id')::int WHERE streamed.line::json ->> 'op_type' = 'u';
-- the row comes back from it
SELECT count(*) FROM t rec WHERE json_populate_record(NULL::t, cdc_envelope.encode(rec, 'r', '0/0', now())::json -> 'after') IS DISTINCT FROM rec
                           AND id <> 2;
-- what is said of the rows changes from one to the next, one thing at a time, and back
SELECT e ->> 'op_type', e ->> 'ts_source', e ->> 'commit_lsn'
FROM (VALUES (1, 'r', '0/1', 1), (2, 'c', '0/1', 1), (3, 'c', '0/2', 1), (4, 'c', '0/2', 2), (5, 'd', '0/2', 2), (6, 'r', '0/1', 1)) AS said(n, op, lsn, second)
CROSS JOIN LATERAL (SELECT cdc_envelope.encode(k, op, lsn::pg_lsn, '2026-02-07 05:55:00+00'::timestamptz + second * interval '1 second')::json AS e
                    FROM keyless k LIMIT 1) encoded ORDER BY n;
-- COPY, as a snapshot does it
COPY (SELECT cdc_envelope.encode(k, 'r', '0/0', '2026-02-07 05:55:21+00') FROM keyless k) TO STDOUT;
-- options shape it as they shape the stream
SELECT cdc_envelope.encode(rec, 'r', '0/0', '2026-02-07 05:55:21+00', '{cluster=c,evidence=literal,json=string,mask=encode.t.t:redact}') FROM t rec WHERE id = 1;
-- a null row or argument gives null
SELECT cdc_envelope.encode(NULL::t, 'r', '0/0', now()) IS NULL;
-- refused
SELECT cdc_envelope.encode(1, 'r', '0/0', now());
SELECT cdc_envelope.encode('x'::text, 'r', '0/0', now());
SELECT cdc_envelope.encode(ROW(1, 2), 'r', '0/0', now());
SELECT cdc_envelope.encode(s, 'r', '0/0', now()) FROM (SELECT 1 AS a) s;
CREATE TYPE pair AS (a int, b int);
SELECT cdc_envelope.encode('(1,2)'::pair, 'r', '0/0', now());
SELECT cdc_envelope.encode(k, 'x', '0/0', now()) FROM keyless k;
SELECT cdc_envelope.encode(k, 'rr', '0/0', now()) FROM keyless k;
SELECT cdc_envelope.encode(k, '', '0/0', now()) FROM keyless k;
SELECT cdc_envelope.encode(k, 'r', '0/0', now(), '{colour=blue}') FROM keyless k;
SELECT cdc_envelope.encode(k, 'r', '0/0', now(), '{cluster}') FROM keyless k;
SELECT cdc_envelope.encode(k, 'r', '0/0', now(), ARRAY[NULL]) FROM keyless k;
SELECT cdc_envelope.encode(k, 'r', '0/0', now(), '{exclude_tables=encode.*}') FROM keyless k;
-- a function's expression that lives through an ALTER TABLE
DO $$
DECLARE rec keyless;
BEGIN
    FOR i IN 1..2 LOOP
        SELECT * INTO rec FROM keyless k WHERE k.a = 1;
        RAISE INFO '%', cdc_envelope.encode(rec, 'r', '0/0', '2026-02-07 05:55:21+00')::json -> 'after';
        IF i = 1 THEN ALTER TABLE keyless ADD b text DEFAULT 'added'; END IF;
    END LOOP;
END $$;
SELECT pg_drop_replication_slot('encode');
SET client_min_messages = warning;
DROP SCHEMA encode CASCADE;

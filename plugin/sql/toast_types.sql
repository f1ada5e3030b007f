-- Values of every kind of encoder that are out of line in the WAL, compressed and not: the stream has them whole.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA toast_types;
SET search_path = toast_types;
CREATE TYPE pair AS (a text, b jsonb);
CREATE TABLE apart (id int PRIMARY KEY, t text, x bytea, j json, b jsonb, n numeric, a text[], c pair, v varbit, s tsvector);
SELECT 'init' FROM pg_create_logical_replication_slot('toast_types', 'cdc_envelope');
CREATE FUNCTION fill(id int) RETURNS apart LANGUAGE sql AS $$
    SELECT (id, big, decode(big, 'hex'), to_json(ARRAY[big]), to_jsonb(ARRAY[big]), repeat('1234567890', 1200)::numeric, ARRAY[big, 'x'],
            ROW(big, to_jsonb(big))::pair, repeat('10110', 9000)::varbit, array_to_tsvector(ARRAY(SELECT md5(g::text) FROM generate_series(1, 400) g)))::apart
      FROM (SELECT string_agg(md5(g::text), '') AS big FROM generate_series(1, 200) g) b
$$;
INSERT INTO apart SELECT (fill(1)).*;
DO $$ BEGIN EXECUTE (SELECT 'ALTER TABLE apart ' || string_agg('ALTER ' || c || ' SET STORAGE EXTERNAL', ', ') FROM unnest('{t,x,j,b,a,c,v,s}'::text[]) c); END $$;
INSERT INTO apart SELECT (fill(2)).*;
SELECT e -> 'after' ->> 'id' AS id, count(*) FILTER (WHERE json_populate_record(NULL::apart, e -> 'after')::text = r::text) AS same
FROM (SELECT pg_temp.events('toast_types')::json AS e) AS events JOIN apart r ON r.id::text = e -> 'after' ->> 'id'
WHERE e ->> 'op_type' = 'c' GROUP BY 1 ORDER BY 1;
SELECT pg_drop_replication_slot('toast_types');
SET client_min_messages = warning;
DROP SCHEMA toast_types CASCADE;

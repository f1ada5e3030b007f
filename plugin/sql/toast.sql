-- Values that an update did not touch are not in the WAL: they are named, or taken from the old image.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA toast;
SET search_path = toast;
CREATE TABLE by_default (id int PRIMARY KEY, n int, big text, other text);
CREATE TABLE by_full (id int PRIMARY KEY, n int, big text, other text);
ALTER TABLE by_full REPLICA IDENTITY FULL;
CREATE TABLE by_key (big text PRIMARY KEY, n int);
CREATE TABLE keyless (n int, big text);
ALTER TABLE by_default ALTER big SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;
ALTER TABLE by_full ALTER big SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;
ALTER TABLE by_key ALTER big SET STORAGE EXTERNAL;
ALTER TABLE keyless ALTER big SET STORAGE EXTERNAL;
-- a long value stands as its length and digest
CREATE FUNCTION pg_temp.short(line text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(line, '((long)(long)+)', '<long>', 'g') $$;
INSERT INTO by_default VALUES (1, 1, repeat('long', 1000), repeat('long', 1001));
INSERT INTO by_full VALUES (1, 1, repeat('long', 1000), repeat('long', 1001));
INSERT INTO by_key VALUES (repeat('long', 600), 1);
INSERT INTO keyless VALUES (1, repeat('long', 1000));
SELECT 'slot' FROM pg_create_logical_replication_slot('toast', 'cdc_envelope');
UPDATE by_default SET n = 2;
UPDATE by_default SET id = 2;
UPDATE by_default SET big = repeat('long', 1002);
UPDATE by_default SET big = 'now short';
UPDATE by_default SET other = NULL;
UPDATE by_full SET n = 2;
UPDATE by_full SET big = 'now short';
UPDATE by_full SET n = 3;
UPDATE by_key SET n = 2;
UPDATE by_key SET big = repeat('long', 601);
UPDATE keyless SET n = 2;
SELECT pg_temp.short(pg_temp.peek('toast'));
-- the values that are there are whole
SELECT e ->> 'source_id', length(e -> 'before' ->> 'big'), length(e -> 'after' ->> 'big'), length(e -> 'after' ->> 'other'), e -> 'unchanged'
FROM (SELECT pg_temp.peek('toast')::json AS e) AS events WHERE e ->> 'table' <> 'by_key';
SELECT length(e -> 'key' ->> 'big'), length(e ->> 'source_id') - length(e ->> 'old_source_id'), length(e -> 'before' ->> 'big'), e -> 'unchanged'
FROM (SELECT pg_temp.events('toast')::json AS e) AS events WHERE e ->> 'table' = 'by_key';
SELECT pg_drop_replication_slot('toast');
SET client_min_messages = warning;
DROP SCHEMA toast CASCADE;

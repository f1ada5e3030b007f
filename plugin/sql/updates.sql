-- An update whose columns are mostly what they were: the new image takes their text from the old one, and has to be
-- what it would be on its own, whatever stands between them: marked, masked, left out or unchanged in the WAL.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA updates;
SET search_path = updates;
CREATE TABLE wide (id int PRIMARY KEY, a text, doc jsonb, n numeric, big text, at timestamptz, flag bool, f float8, z text);
ALTER TABLE wide REPLICA IDENTITY FULL, ALTER big SET STORAGE EXTERNAL;
CREATE TABLE by_default (LIKE wide INCLUDING ALL);
-- what encode() says of each row as it was written, under the same options
CREATE TABLE said (image int GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO said (line) VALUES (cdc_envelope.encode(NEW, 'c', '0/0', now(), ARRAY['projection=updates', 'max_value_bytes=1024']));
    RETURN NEW;
END $$;
CREATE TRIGGER say AFTER INSERT OR UPDATE ON wide FOR EACH ROW EXECUTE FUNCTION say();
SELECT 'slot' FROM pg_create_logical_replication_slot('updates', 'cdc_envelope');
INSERT INTO wide VALUES
    (1, 'a', '{"k":[1,null]}', 1.50, 'short', '2026-02-07 05:55:21Z', true, 0.1, 'z'),
    (2, 'a', 'null', NULL, repeat('l', 1010), NULL, NULL, 'NaN', repeat('z', 1020)),
    (3, NULL, NULL, 'NaN', repeat('x', 1022), 'infinity', false, 1e20, NULL);
-- nothing changes; the first column but the key; the last; one in the middle; several; all; to null and back
UPDATE wide SET a = a;
UPDATE wide SET a = 'other';
UPDATE wide SET z = 'other';
UPDATE wide SET n = 2.50;
UPDATE wide SET a = 'third', flag = NOT flag, f = -f;
UPDATE wide SET a = z, doc = '[]', n = n + 1, big = a, at = '2000-01-01Z', flag = true, f = 2, z = a;
UPDATE wide SET n = NULL, doc = NULL;
UPDATE wide SET n = 0.0, doc = 'null';
UPDATE wide SET z = 'last';
-- the same number in other digits, the same text in another form of storage
UPDATE wide SET n = 0.00;
UPDATE wide SET big = repeat('y', 1000) WHERE id = 1;
UPDATE wide SET big = repeat('y', 1000) || '' WHERE id = 1;
-- left out as too long, and short again
UPDATE wide SET big = repeat('y', 1100) WHERE id = 2;
UPDATE wide SET z = '' WHERE id = 2;
UPDATE wide SET big = '' WHERE id = 2;
-- the key
UPDATE wide SET id = id + 10;
-- each new image of the stream is what encode() said, in order
SELECT count(*), count(*) FILTER (WHERE streamed.after IS DISTINCT FROM written.after
    OR streamed.json_null IS DISTINCT FROM written.json_null) AS different
FROM (SELECT row_number() OVER () AS image, e -> 'after' #>> '{}' AS after,
             (SELECT string_agg(m, ',') FROM json_array_elements_text(e -> 'json_null') m WHERE m LIKE 'after.%') AS json_null
        FROM (SELECT data::json AS e FROM pg_logical_slot_peek_changes('updates', NULL, NULL, 'max_value_bytes', '1024',
                  'include_tables', 'updates.wide', 'ddl', 'off')) s) streamed
FULL JOIN (SELECT image, line::json -> 'after' #>> '{}' AS after,
                  (SELECT string_agg(m, ',') FROM json_array_elements_text(line::json -> 'json_null') m) AS json_null FROM said) written
USING (image);
-- and each old image is the new one of before
SELECT count(*), count(*) FILTER (WHERE before IS DISTINCT FROM previous) AS different
FROM (SELECT e ->> 'before' AS before, lag(e ->> 'after') OVER (PARTITION BY coalesce(e -> 'before' ->> 'id', e -> 'after' ->> 'id')::int % 10 ORDER BY n) AS previous
        FROM (SELECT data::json AS e, n FROM pg_logical_slot_peek_changes('updates', NULL, NULL, 'max_value_bytes', '1024',
                  'include_tables', 'updates.wide', 'ddl', 'off') WITH ORDINALITY AS c(lsn, xid, data, n)) s) pairs;
-- to the eye: marks on both sides, a mask in the midst of what is the same
SELECT regexp_replace(line, '([lxyz])\1{30,}', '\1…', 'g') FROM (SELECT pg_temp.peek('updates', 'max_value_bytes', '1024', 'include_tables', 'updates.wide', 'ddl', 'off',
    'mask', 'updates.wide.at:redact')) AS events(line) WHERE line LIKE '%"seq":2,%' AND line LIKE '%"op_type":"u"%' LIMIT 9;
-- under DEFAULT the old image has but the key, and that only where it changes
INSERT INTO by_default SELECT * FROM wide WHERE id = 11;
UPDATE by_default SET z = z;
UPDATE by_default SET id = 12;
SELECT regexp_replace(pg_temp.peek('updates', 'include_tables', 'updates.by_default', 'ddl', 'off'), '(y)\1{30,}', '\1…', 'g');
SELECT 'dropped' FROM pg_drop_replication_slot('updates');
SET client_min_messages = warning;
DROP SCHEMA updates CASCADE;

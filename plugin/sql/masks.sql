-- Masked columns: redact gives null, hash a digest that is the same for equal values; a key can't be masked.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA masks;
SET search_path = masks;
CREATE TABLE people (id int PRIMARY KEY, ssn text, email text, doc jsonb, n int);
ALTER TABLE people REPLICA IDENTITY FULL;
CREATE TABLE keyless (a int, secret text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
SELECT 'slot' FROM pg_create_logical_replication_slot('masks', 'cdc_envelope');
INSERT INTO people VALUES (1, '123-45-6789', 'a@example.org', '{"x":null}', 1), (2, '123-45-6789', 'b@example.org', 'null', 2), (3, NULL, NULL, NULL, NULL);
UPDATE people SET ssn = '987-65-4321' WHERE id = 1;
INSERT INTO keyless VALUES (1, 'hidden');
UPDATE keyless SET secret = 'hidden too';
SELECT pg_temp.peek('masks', 'mask', 'masks.people.ssn:redact, masks.people.doc :redact ,masks.people.email:redact,masks.keyless.secret:redact');
-- the digest is salted with the system's identifier, which every cluster has its own of
CREATE FUNCTION pg_temp.hashed() RETURNS TABLE (op text, id text, field text, digest text) LANGUAGE sql AS $$
    SELECT e ->> 'op_type', e -> 'key' ->> 'id', image || '.' || f.key, f.value
      FROM (SELECT data::jsonb AS e FROM pg_logical_slot_peek_changes('masks', NULL, NULL,
               'mask', 'masks.people.ssn:hash,masks.people.doc:hash,masks.people.n:hash')) s,
           unnest('{before,after}'::text[]) image, jsonb_each_text(coalesce(nullif(e -> image, 'null'), '{}')) f
     WHERE f.key IN ('ssn', 'doc', 'n') AND e ->> 'table' = 'people' $$;
SELECT op, id, field, digest ~ '^sha256:[0-9a-f]{64}$' AS is_digest
FROM pg_temp.hashed() ORDER BY op, id, field;
SELECT (SELECT count(DISTINCT digest) FROM pg_temp.hashed() WHERE field LIKE '%ssn') AS two_numbers,
       (SELECT count(DISTINCT digest) FROM pg_temp.hashed() WHERE field LIKE '%.ssn' AND id = '2') AS one,
       (SELECT bool_and(digest <> 'sha256:' || encode(sha256('123-45-6789'), 'hex')) FROM pg_temp.hashed()) AS salted;
-- nothing of it is left anywhere in the stream; of two masks the stricter one holds
SELECT count(*) FILTER (WHERE data ~ '123-45|987-65|example|hidden'), count(*)
FROM pg_logical_slot_peek_changes('masks', NULL, NULL, 'mask',
    'masks.people.ssn:hash,masks.people.ssn:redact,masks.people.doc:hash,masks.people.email:hash,masks.keyless.secret:hash');
SELECT pg_temp.peek('masks', 'include_tables', 'masks.people', 'mask', 'masks.people.ssn:hash,masks.people.ssn:redact')::json -> 'after' ->> 'ssn' IS NULL;
-- refused: without its key no row could be told from another
SELECT pg_temp.peek('masks', 'mask', 'masks.people.id:hash');
SELECT cdc_envelope.encode(p, 'r', '0/0', now(), '{mask=masks.people.id:redact}') FROM people p;
-- one that masks nothing is told; not one of a column that there was, or is named before there is one
SELECT count(*) FROM pg_temp.peek('masks', 'mask', 'masks.people.SSN:redact,masks.person.ssn:hash,masks.people.email:redact');
ALTER TABLE people RENAME n TO number;
SELECT count(*) FROM pg_temp.peek('masks', 'mask', 'masks.people.n:redact,masks.people.number:redact,masks.people."a"",b":redact');
SELECT cdc_envelope.encode(p, 'r', '0/0', now(), '{mask=masks.people.none:redact}') IS NULL FROM people p;
SELECT cdc_envelope.encode(p, 'r', '0/0', now(), '{mask=masks.other.none:redact}') IS NULL FROM people p;
ALTER TABLE people RENAME number TO n;
-- encode() masks as the stream does
SELECT (SELECT cdc_envelope.encode(p, 'r', '0/0', now(), '{mask=masks.people.ssn:hash}')::json -> 'after' ->> 'ssn' FROM people p WHERE id = 2)
     = (SELECT digest FROM pg_temp.hashed() WHERE id = '2' AND field = 'after.ssn');
-- a value too long to encode has no digest
SELECT (cdc_envelope.encode(p, 'r', '0/0', now(), '{mask=masks.people.email:hash,max_value_bytes=1024}')::json) -> 'oversize'
FROM (SELECT jsonb_populate_record(p, jsonb_build_object('email', repeat('x', 2000))) AS p FROM people p WHERE id = 2) AS long;
SELECT pg_drop_replication_slot('masks');
SET client_min_messages = warning;
DROP SCHEMA masks CASCADE;

-- Composites: objects, in the order of their attributes; their text where an attribute holds a JSON null.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE TYPE inner_t AS (a int, "b ""q" text, doc jsonb, at timestamptz);
CREATE TYPE outer_t AS (x inner_t, list inner_t[], r numrange);
CREATE DOMAIN positive_inner AS inner_t CHECK ((VALUE).a > 0);
CREATE TABLE composites (id int PRIMARY KEY, i inner_t, o outer_t, l inner_t[], d positive_inner);
SET timezone = 'UTC';
INSERT INTO composites VALUES
    (1, (1, 'te"xt', '{"k": [1]}', '2026-02-07 05:55:21+00'), ((2, 'b', NULL, NULL), ARRAY[(3, 'c', '[]', NULL)::inner_t, NULL], '[1.50,2)'),
     ARRAY[(4, '', NULL, 'infinity')::inner_t], (5, 'd', NULL, NULL)),
    (2, (NULL, NULL, NULL, NULL), (NULL, '{}', 'empty'), '{}', NULL),
    (3, NULL, NULL, NULL, NULL),
    (4, (1, 'nul"l \ (x), y', 'null', '2026-02-07 05:55:21+00'), ((2, 'b', 'null', NULL), ARRAY[(3, ' c', 'null', NULL)::inner_t, NULL, (4, NULL, NULL, NULL)::inner_t], NULL),
     ARRAY[(1, '', 'null', NULL)::inner_t], (6, NULL, 'null', NULL)),
    (5, NULL, NULL, ('[0:0]=' || ARRAY[(1, 'x y"', '{"a": null}', '2026-02-07 05:55:21+00')::inner_t]::text)::inner_t[], NULL);
SELECT :event FROM composites rec ORDER BY id;

-- every row comes back
SELECT id FROM composites rec WHERE json_populate_record(NULL::composites, :after)::text IS DISTINCT FROM rec::text;

-- the type changes under the table, in one session and one transaction
ALTER TYPE inner_t RENAME ATTRIBUTE a TO first;
SELECT :after -> 'i' FROM composites rec WHERE id = 1;
BEGIN;
ALTER TYPE inner_t ADD ATTRIBUTE later text;
UPDATE composites SET i.later = 'now' WHERE id = 1;
SELECT :after -> 'i', :after -> 'l' FROM composites rec WHERE id = 1;
ALTER TYPE inner_t DROP ATTRIBUTE doc;
SELECT :after -> 'i' FROM composites rec WHERE id IN (1, 4) ORDER BY id;
ROLLBACK;
SELECT :after -> 'i' FROM composites rec WHERE id = 1;

-- and under decoding, where the table's columns are compiled once: each change has the attributes of its own time
CREATE TYPE kind AS ENUM ('old');
CREATE TABLE follows (id int PRIMARY KEY, i inner_t, k kind);
SELECT 'slot' FROM pg_create_logical_replication_slot('types_composite', 'cdc_envelope');
INSERT INTO follows VALUES (1, (1, 'b', '[1]', NULL), 'old');
BEGIN;
ALTER TYPE inner_t ADD ATTRIBUTE later text;
ALTER TYPE kind RENAME VALUE 'old' TO 'new';
UPDATE follows SET i.later = 'now';
SAVEPOINT s;
ALTER TYPE inner_t RENAME ATTRIBUTE later TO undone;
UPDATE follows SET i.undone = 'undone';
ROLLBACK TO s;
ALTER TYPE inner_t DROP ATTRIBUTE doc;
UPDATE follows SET id = 2;
-- an attribute whose text asks search_path, where no column did before
ALTER TYPE inner_t ADD ATTRIBUTE rel regclass;
UPDATE follows SET i.rel = 'follows';
COMMIT;
DROP TABLE follows;
DROP TYPE kind;
SELECT data::json -> 'after' FROM pg_logical_slot_get_changes('types_composite', NULL, NULL, 'ddl', 'off') WHERE data::json ->> 'table' = 'follows';
-- a composite type is not waited for: under synchronous replication an ALTER TYPE keeps its lock until we have told that we have it
CREATE TYPE held AS (a int);
CREATE TABLE holds (id int PRIMARY KEY, h held, hh held[]);
INSERT INTO holds VALUES (1, '(1)', '{(2)}');
ALTER TYPE held ADD ATTRIBUTE b int;
INSERT INTO holds VALUES (2, '(1,2)', '{"(3,4)"}');
\setenv PGDATABASE :DBNAME
\setenv PGOPTIONS '-c lock_timeout=2s'
BEGIN;
ALTER TYPE held ADD ATTRIBUTE c int;
\! psql -XqAtc "SELECT data::json -> 'after' FROM pg_logical_slot_peek_changes('types_composite', NULL, NULL, 'ddl', 'off')"
ROLLBACK;
SELECT 'dropped' FROM pg_drop_replication_slot('types_composite');
DROP TABLE holds;
DROP TYPE held;

-- a table's row type serves as well, with a column dropped
CREATE TABLE part (p int, gone text, q text);
ALTER TABLE part DROP COLUMN gone;
CREATE TABLE whole (id int PRIMARY KEY, w part);
INSERT INTO whole VALUES (1, (1, 'q')), (2, (NULL, ''));
SELECT :event FROM whole rec ORDER BY id;
SELECT id FROM whole rec WHERE json_populate_record(NULL::whole, :after)::text IS DISTINCT FROM rec::text;
RESET timezone;
DROP TABLE composites, whole, part;
DROP DOMAIN positive_inner;
DROP TYPE outer_t, inner_t;

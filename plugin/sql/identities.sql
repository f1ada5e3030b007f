-- What an event knows of a row's identity and old image, under every replica identity.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA identities;
SET search_path = identities;
CREATE TABLE by_default (a int, b text, n int, PRIMARY KEY (b, a));
CREATE TABLE by_full (id int PRIMARY KEY, n int);
ALTER TABLE by_full REPLICA IDENTITY FULL;
CREATE TABLE by_index (id int PRIMARY KEY, code text NOT NULL, n int);
CREATE UNIQUE INDEX by_index_code ON by_index (code);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code;
CREATE TABLE by_nothing (id int PRIMARY KEY, n int);
ALTER TABLE by_nothing REPLICA IDENTITY NOTHING;
CREATE TABLE keyless (a int, b text);
CREATE TABLE keyless_full (a int, b text);
ALTER TABLE keyless_full REPLICA IDENTITY FULL;
CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE, n int);
SELECT 'slot' FROM pg_create_logical_replication_slot('identities', 'cdc_envelope');
-- the key's own order, not the columns'
INSERT INTO by_default VALUES (1, 'x,y', 1);
UPDATE by_default SET n = 2;
UPDATE by_default SET a = 2;
DELETE FROM by_default;
INSERT INTO by_full VALUES (1, 1);
UPDATE by_full SET n = 2;
UPDATE by_full SET id = 2;
DELETE FROM by_full;
INSERT INTO by_index VALUES (1, 'one', 1);
UPDATE by_index SET n = 2;
UPDATE by_index SET id = 2;
UPDATE by_index SET code = 'two';
DELETE FROM by_index;
INSERT INTO by_nothing VALUES (1, 1);
UPDATE by_nothing SET n = 2;
UPDATE by_nothing SET id = 2;
DELETE FROM by_nothing;
INSERT INTO keyless VALUES (1, 'x'), (1, 'x');
UPDATE keyless SET b = 'y';
DELETE FROM keyless;
INSERT INTO keyless_full VALUES (1, NULL);
UPDATE keyless_full SET b = 'y';
UPDATE keyless_full SET b = 'y';
DELETE FROM keyless_full;
-- PostgreSQL takes no deferrable key for an identity
INSERT INTO deferred VALUES (1, 1);
UPDATE deferred SET n = 2;
DELETE FROM deferred;
SELECT pg_temp.events('identities');
-- ROW: is the digest of the image as it stands in the event
INSERT INTO keyless VALUES (7, 'ü');
SELECT line ->> 'source_id' LIKE '%/ROW:' || encode(sha256(convert_to(line ->> 'after', 'UTF8')), 'hex')
FROM (SELECT pg_temp.events('identities')::json AS line) e;
SELECT pg_drop_replication_slot('identities');
SET client_min_messages = warning;
DROP SCHEMA identities CASCADE;

-- Definitions that event triggers did not see at their place: of DDL that went round them, and of tables that are made with their rows.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\set news :abs_srcdir '/sql/news.inc'
\i :stream
\i :news
\set ECHO all
CREATE SCHEMA unrecorded;
SET search_path = unrecorded;
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE quiet (id int PRIMARY KEY);
SELECT 'slot' FROM pg_create_logical_replication_slot('unrecorded', 'cdc_envelope');
-- the whole event
SET session_replication_role = replica;
ALTER TABLE t ADD a int;
RESET session_replication_role;
INSERT INTO t VALUES (1, 1), (2, 2);
SELECT pg_temp.peek('unrecorded');
-- warned about once a session of decoding, told once a transaction, before its first row; counted as an event
INSERT INTO t VALUES (3, 3);
TRUNCATE t;
SELECT pg_temp.news('unrecorded', 'transactions', 'on');
-- nothing is said of a table that has no rows here
SET session_replication_role = replica;
ALTER TABLE quiet ADD a int;
RESET session_replication_role;
SELECT pg_temp.news('unrecorded');
-- without the s events, warned about all the same
INSERT INTO t VALUES (4, 4);
SELECT pg_temp.peek('unrecorded', 'ddl', 'off');
SELECT pg_temp.peek('unrecorded', 'exclude_tables', 'unrecorded.t');
SELECT pg_temp.news('unrecorded', 'include_tables', 'unrecorded.t');
-- told as often as it changes in a transaction, recorded or not
BEGIN;
INSERT INTO t VALUES (5, 5);
SET LOCAL session_replication_role = replica;
ALTER TABLE t ADD b int;
SET LOCAL session_replication_role = origin;
INSERT INTO t VALUES (6, 6, 6);
ALTER TABLE t ADD c int;
INSERT INTO t VALUES (7, 7, 7, 7);
SET LOCAL session_replication_role = replica;
ALTER TABLE t DROP b, DROP c;
SET LOCAL session_replication_role = origin;
INSERT INTO t VALUES (8, 8);
INSERT INTO quiet VALUES (1, 1);
INSERT INTO t VALUES (9, 9);
COMMIT;
INSERT INTO t VALUES (10, 10);
SELECT pg_temp.news('unrecorded');
-- the same bytes from any position: a second reading, and one that begins later
SELECT 'copy' FROM pg_copy_logical_replication_slot('unrecorded', 'unrecorded_later');
INSERT INTO t VALUES (11, 11);
SELECT count(*) FROM pg_temp.events('unrecorded_later');
INSERT INTO t VALUES (12, 12);
CREATE TABLE made AS SELECT 1 AS id;
INSERT INTO t VALUES (13, 13);
SET client_min_messages = error;
CREATE TEMP TABLE whole AS SELECT data FROM pg_logical_slot_peek_changes('unrecorded', NULL, NULL, 'projection', 'p');
CREATE TEMP TABLE again AS SELECT data FROM pg_logical_slot_peek_changes('unrecorded', NULL, NULL, 'projection', 'p');
CREATE TEMP TABLE later AS SELECT data FROM pg_logical_slot_peek_changes('unrecorded_later', NULL, NULL, 'projection', 'p');
RESET client_min_messages;
SELECT count(*), count(DISTINCT data) FROM whole;
SELECT count(*) FROM whole JOIN again USING (data);
SELECT count(*), count(*) FILTER (WHERE data IN (SELECT data FROM whole)) FROM later;
SELECT pg_drop_replication_slot('unrecorded_later');
-- the way out
SELECT cdc_envelope.record('t'), cdc_envelope.record('t');
INSERT INTO t VALUES (14, 14);
SET client_min_messages = error;
SELECT news FROM pg_temp.news('unrecorded') news WHERE news ~ 'RECORD |14';
-- recorded by the transaction itself, be it after the rows: no noise
SET client_min_messages = notice;
BEGIN;
SET LOCAL session_replication_role = replica;
ALTER TABLE t ADD d int;
INSERT INTO t VALUES (15, 15, 15);
SELECT cdc_envelope.record('t');
INSERT INTO t VALUES (16, 16, 16);
COMMIT;
SELECT pg_temp.news('unrecorded');
-- all at once, and the end of what is gone; a table that nobody had recorded
SET session_replication_role = replica;
DROP TABLE made;
CREATE TABLE "New one" (id int PRIMARY KEY);
ALTER TABLE t RENAME TO renamed;
RESET session_replication_role;
SELECT cdc_envelope.record_all() >= 4, cdc_envelope.record_all();
INSERT INTO "New one" VALUES (1);
INSERT INTO renamed (id) VALUES (17);
SELECT news FROM pg_temp.news('unrecorded') news WHERE news ~ 'made|New one|renamed| t ';
-- tables that are made with their rows: the s event first, in subtransactions, rolled back, twice in one transaction
SELECT count(*) FROM pg_temp.news('unrecorded');
BEGIN;
SAVEPOINT a;
CREATE TABLE first AS SELECT n FROM generate_series(1, 2) n;
SAVEPOINT b;
CREATE TABLE gone AS SELECT 1 AS n;
ROLLBACK TO b;
SELECT 3 AS n INTO gone;
RELEASE a;
DROP TABLE first;
CREATE TABLE first AS SELECT n FROM generate_series(3, 4) n;
INSERT INTO first VALUES (5);
COMMIT;
SELECT pg_temp.brief(data) FROM pg_logical_slot_peek_changes('unrecorded', NULL, NULL, 'ddl', 'off');
SELECT pg_temp.news('unrecorded');
-- one that changes before it is recorded is not the one recorded
BEGIN;
SET LOCAL session_replication_role = replica;
CREATE TABLE changing AS SELECT 1 AS n;
ALTER TABLE changing ADD m int;
INSERT INTO changing VALUES (2, 2);
SELECT cdc_envelope.record('changing');
COMMIT;
SELECT pg_temp.news('unrecorded');
-- in a function, and several commands in one string
DO $$ BEGIN CREATE TABLE many1 (id int); INSERT INTO many1 VALUES (1); ALTER TABLE many1 ADD n int; INSERT INTO many1 VALUES (2, 2); END $$;
CREATE TABLE many2 (id int) \; INSERT INTO many2 VALUES (1) \; ALTER TABLE many2 ADD n int \; INSERT INTO many2 VALUES (2, 2);
SELECT pg_temp.news('unrecorded');
-- for who may
CREATE ROLE regress_unrecorded;
GRANT USAGE ON SCHEMA cdc_envelope TO regress_unrecorded;
SET ROLE regress_unrecorded;
SELECT cdc_envelope.record(0);
SELECT cdc_envelope.record_all();
RESET ROLE;
REVOKE USAGE ON SCHEMA cdc_envelope FROM regress_unrecorded;
DROP ROLE regress_unrecorded;
SELECT pg_drop_replication_slot('unrecorded');
SET client_min_messages = warning;
DROP SCHEMA unrecorded CASCADE;

-- needs PostgreSQL 14
-- A transaction that is open across CREATE EXTENSION has the versions from there on. (13 tells a transaction of another
-- one's changes of the catalogue with its own next command that changes it: until then version 0 and the fingerprint.)
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
CREATE DATABASE regress_joined;
\c regress_joined
\i :stream
\set ECHO all
CREATE TABLE t (id int PRIMARY KEY);
SELECT 'slot' FROM pg_create_logical_replication_slot('joined', 'cdc_envelope');
\setenv PGDATABASE :DBNAME
BEGIN;
INSERT INTO t VALUES (1);
\! psql -Xqc 'CREATE EXTENSION cdc_envelope'
INSERT INTO t VALUES (2);
COMMIT;
SELECT pg_temp.events('joined');
SELECT pg_drop_replication_slot('joined');
\c regression
\set ECHO none
DROP DATABASE regress_joined;

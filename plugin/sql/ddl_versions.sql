-- Every change of a table's definition gives it a version, an s event, and rows that carry it.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA ddl_versions;
SET search_path = ddl_versions;
SELECT 'slot' FROM pg_create_logical_replication_slot('ddl_versions', 'cdc_envelope');
CREATE TABLE t (id int PRIMARY KEY, a varchar(10));
INSERT INTO t VALUES (1, 'one');
ALTER TABLE t ADD b numeric(10,2) NOT NULL DEFAULT 1.50;
INSERT INTO t VALUES (2, 'two');
-- what does not change the definition gives no version
ALTER TABLE t ALTER a SET STATISTICS 10;
CREATE INDEX ON t (a);
ALTER TABLE t ALTER a SET DEFAULT 'x';
COMMENT ON TABLE t IS 'nothing';
INSERT INTO t VALUES (3, 'three');
-- two in one transaction, rows of each
BEGIN;
ALTER TABLE t ALTER a TYPE text;
INSERT INTO t VALUES (4, 'four');
ALTER TABLE t RENAME a TO aa;
INSERT INTO t VALUES (5, 'five');
COMMIT;
-- two in one command
ALTER TABLE t ADD c int, DROP b;
-- rolled back, in part and as a whole
BEGIN;
SAVEPOINT s;
ALTER TABLE t ADD gone int;
INSERT INTO t VALUES (6, 'never');
ROLLBACK TO s;
INSERT INTO t VALUES (6, 'six');
COMMIT;
BEGIN;
ALTER TABLE t ADD gone int;
ROLLBACK;
INSERT INTO t VALUES (7, 'seven');
SELECT pg_temp.events('ddl_versions');
-- key, replica identity, nullability
ALTER TABLE t DROP CONSTRAINT t_pkey;
ALTER TABLE t ADD PRIMARY KEY (id, aa);
CREATE UNIQUE INDEX t_aa ON t (aa);
ALTER TABLE t REPLICA IDENTITY USING INDEX t_aa;
UPDATE t SET c = 1 WHERE id = 1;
DROP INDEX t_aa;
ALTER TABLE t REPLICA IDENTITY FULL;
ALTER TABLE t ALTER c SET NOT NULL;
ALTER TABLE t ALTER COLUMN c SET DEFAULT 3;
UPDATE t SET c = 2 WHERE id = 1;
SELECT pg_temp.events('ddl_versions');
SELECT version, tag, definition::json -> 'key' AS key, definition::json ->> 'replica_identity' AS identity
FROM cdc_envelope.schema_history WHERE schema_name = 'ddl_versions' AND table_name = 't' ORDER BY version;
-- names: there and back, to another schema and a schema's own; versions only grow
CREATE TABLE named (id int PRIMARY KEY);
ALTER TABLE named RENAME TO renamed;
INSERT INTO renamed VALUES (1);
ALTER TABLE renamed RENAME TO named;
INSERT INTO named VALUES (2);
CREATE SCHEMA ddl_versions_b;
ALTER TABLE named SET SCHEMA ddl_versions_b;
INSERT INTO ddl_versions_b.named VALUES (3);
ALTER SCHEMA ddl_versions_b RENAME TO ddl_versions_c;
INSERT INTO ddl_versions_c.named VALUES (4);
-- dropped, and another table under the name
DROP TABLE ddl_versions_c.named;
CREATE TABLE ddl_versions_c.named (id int PRIMARY KEY);
INSERT INTO ddl_versions_c.named VALUES (5);
DROP SCHEMA ddl_versions_c CASCADE;
SELECT pg_temp.events('ddl_versions');
-- a name that is free again: its first table's end is told, and the second has nothing of it
CREATE TABLE kept (id int PRIMARY KEY);
ALTER TABLE kept RENAME TO kept_old;
CREATE TABLE kept (id int PRIMARY KEY, other text);
INSERT INTO kept VALUES (1, 'new');
SELECT e ->> 'op_type' AS op, e ->> 'table' AS table, e ->> 'schema_version' AS version, e -> 'before' ->> 'key' AS before,
    e -> 'after' ->> 'key' AS after FROM (SELECT data::json AS e FROM pg_logical_slot_get_changes('ddl_versions', NULL, NULL)) s;
-- under a snapshot from before another session's DDL
CREATE TABLE contested (id int PRIMARY KEY);
\setenv PGDATABASE :DBNAME
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 'snapshot' FROM kept;
\! psql -Xqc 'ALTER TABLE ddl_versions.contested ADD theirs int'
\! psql -Xqc 'CREATE TABLE ddl_versions.contested_too (id int PRIMARY KEY)'
ALTER TABLE contested ADD ours int;
ALTER TABLE contested_too ADD ours int;
COMMIT;
INSERT INTO contested VALUES (1, 2, 3);
SELECT table_name, version, tag FROM cdc_envelope.schema_history WHERE table_name ~ '^contested' ORDER BY 1, 2;
SELECT e ->> 'op_type' AS op, e ->> 'table' AS table, e ->> 'schema_version' AS version
    FROM (SELECT data::json AS e FROM pg_logical_slot_get_changes('ddl_versions', NULL, NULL)) s;
-- of a statement's text 8192 bytes are kept, in whole characters
\set ECHO none
SELECT format('ALTER TABLE kept ADD c%s int /* %s*/', length, rpad('', length - 35, 'ä')) FROM (VALUES (100), (5000)) v(length) \gexec
\set ECHO all
SELECT octet_length(statement), right(statement, 4) FROM cdc_envelope.schema_history WHERE statement ~ 'ää' ORDER BY version;
SELECT count(*) FROM pg_temp.events('ddl_versions');
-- a type's name is part of the definition; what is in the type is not
CREATE TYPE mood AS ENUM ('sad');
CREATE TYPE pair AS (a int);
CREATE DOMAIN amount AS int;
CREATE TABLE typed (id int PRIMARY KEY, m mood, mm mood[], p pair, d amount);
ALTER TYPE mood ADD VALUE 'happy';
ALTER TYPE pair ADD ATTRIBUTE b int;
INSERT INTO typed VALUES (1, 'happy', '{sad}', '(1,2)', 3);
ALTER TYPE mood RENAME TO "Mood of day";
INSERT INTO typed VALUES (2, 'happy', '{sad}', '(1,2)', 3);
ALTER DOMAIN amount RENAME TO sum;
DROP TYPE pair CASCADE;
INSERT INTO typed VALUES (3, 'happy', '{sad}', 3);
SELECT pg_temp.events('ddl_versions');
-- a parent's change is its partitions' and children's too
CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (10);
CREATE TABLE parent (id int);
CREATE TABLE child (more int) INHERITS (parent);
ALTER TABLE root ADD n int;
ALTER TABLE parent ADD n int;
INSERT INTO root VALUES (1, 1);
INSERT INTO child VALUES (1, 2, 3);
SELECT pg_temp.events('ddl_versions');
-- others that make tables
CREATE TABLE made AS SELECT 1 AS id;
SELECT 2 AS id INTO selected;
CREATE TABLE alike (LIKE t INCLUDING ALL);
CREATE TEMP TABLE passing (id int);
CREATE VIEW view AS SELECT 1 AS id;
CREATE MATERIALIZED VIEW material AS SELECT id FROM made;
CREATE UNIQUE INDEX ON material (id);
INSERT INTO made VALUES (2);
REFRESH MATERIALIZED VIEW CONCURRENTLY material;
REFRESH MATERIALIZED VIEW material;
SELECT pg_temp.peek('ddl_versions');
-- without the s events; rows carry their versions all the same
SELECT pg_temp.events('ddl_versions', 'ddl', 'off');
-- by a role that may do nothing to the history
CREATE ROLE regress_unprivileged;
GRANT USAGE, CREATE ON SCHEMA ddl_versions TO regress_unprivileged;
SET ROLE regress_unprivileged;
CREATE TABLE theirs (id int PRIMARY KEY);
ALTER TABLE theirs ADD n int;
INSERT INTO theirs VALUES (1, 1);
SELECT * FROM cdc_envelope.schema_history;
INSERT INTO cdc_envelope.schema_history VALUES ('ddl_versions', 'theirs', 9);
SELECT cdc_envelope.record_definition('theirs'::regclass, 'forged', 'forged');
SELECT cdc_envelope.on_sql_drop();
DROP TABLE theirs;
RESET ROLE;
SELECT pg_temp.events('ddl_versions');
-- round the event triggers: the rows say that their version is not known, and which definition it is
SET session_replication_role = replica;
CREATE TABLE bypassed (id int PRIMARY KEY);
ALTER TABLE t ADD bypass int;
RESET session_replication_role;
INSERT INTO bypassed VALUES (1);
INSERT INTO t VALUES (8, 'eight', 8, 8);
TRUNCATE bypassed;
SELECT pg_temp.events('ddl_versions');
-- the next change that is seen takes up the thread
ALTER TABLE t ADD seen int;
INSERT INTO t VALUES (9, 'nine', 9, 9, 9);
SELECT pg_temp.events('ddl_versions');
-- a fingerprint is the digest of the definition without it
SELECT DISTINCT fingerprint = 'sha256:' || encode(sha256(convert_to(
    left(definition, strpos(definition, ',"fingerprint":') - 1), 'UTF8')), 'hex')
FROM cdc_envelope.schema_history WHERE definition IS NOT NULL;
-- the session's settings do not change how a type is written
SET quote_all_identifiers = on;
ALTER TABLE t DROP seen;
SELECT cdc_envelope.table_definition('t') = (SELECT definition FROM cdc_envelope.schema_history
    WHERE schema_name = 'ddl_versions' AND table_name = 't' ORDER BY version DESC LIMIT 1);
SHOW quote_all_identifiers;
RESET quote_all_identifiers;
SELECT cdc_envelope.table_definition('t') = (SELECT definition FROM cdc_envelope.schema_history
    WHERE schema_name = 'ddl_versions' AND table_name = 't' ORDER BY version DESC LIMIT 1);
SELECT cdc_envelope.table_definition('view') IS NULL, cdc_envelope.table_definition(0) IS NULL;
REVOKE ALL ON SCHEMA ddl_versions FROM regress_unprivileged;
DROP ROLE regress_unprivileged;
SELECT pg_drop_replication_slot('ddl_versions');
SET client_min_messages = warning;
DROP SCHEMA ddl_versions CASCADE;

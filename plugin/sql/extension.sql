-- CREATE, DROP and again CREATE EXTENSION; decoding without it; what looks like it and is not.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
CREATE DATABASE regress_extension;
\c regress_extension
\i :stream
\set ECHO all
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE "Other" (id int);
CREATE TEMP TABLE passing (id int);
SELECT 'slot' FROM pg_create_logical_replication_slot('extension', 'cdc_envelope');
-- without the extension: no version, the definition's fingerprint
INSERT INTO t VALUES (1);
SELECT pg_temp.events('extension');
-- with it: version 1 of what there is, as s events too
CREATE EXTENSION cdc_envelope;
INSERT INTO t VALUES (2);
SELECT pg_temp.events('extension');
SELECT schema_name, table_name, version, tag, statement, previous FROM cdc_envelope.schema_history ORDER BY 1, 2;
SELECT slot_name, active, wal_status, lag_bytes >= 0, retained_bytes >= 0, catalog_xmin_age >= 0 FROM cdc_envelope.slots;
ALTER TABLE t ADD n int;
-- it can't go while a slot may need its history
INSERT INTO t VALUES (3);
DROP EXTENSION cdc_envelope;
DROP SCHEMA cdc_envelope CASCADE;
SET client_min_messages = warning;
DROP EXTENSION plpgsql CASCADE;
RESET client_min_messages;
TRUNCATE cdc_envelope.schema_history;
SET session_replication_role = replica;
DROP EXTENSION cdc_envelope;
TRUNCATE cdc_envelope.schema_history;
RESET session_replication_role;
-- what only names it does go
CREATE SCHEMA "of cdc_envelope";
CREATE ROLE regress_nobody;
DROP SCHEMA "of cdc_envelope" /* DROP EXTENSION cdc_envelope */;
DO $$ BEGIN PERFORM 'DROP EXTENSION cdc_envelope'; DROP OWNED BY regress_nobody; DROP EXTENSION IF EXISTS neither; END $$;
DROP OWNED BY regress_nobody, regress_nobody /* current_user */;
DROP ROLE regress_nobody;
SELECT pg_temp.events('extension');
SELECT pg_drop_replication_slot('extension');
DROP EXTENSION cdc_envelope;
ALTER TABLE t ADD m int;
SELECT 'slot' FROM pg_create_logical_replication_slot('extension', 'cdc_envelope');
INSERT INTO t VALUES (4);
CREATE EXTENSION cdc_envelope;
INSERT INTO t VALUES (5);
SELECT pg_temp.events('extension');
SELECT pg_drop_replication_slot('extension');
DROP EXTENSION cdc_envelope;
-- a table of its name, in the schema that is left, as anybody could make it elsewhere: no history, and rows like all others
SELECT 'slot' FROM pg_create_logical_replication_slot('extension', 'cdc_envelope');
CREATE TABLE cdc_envelope.schema_history (a int PRIMARY KEY, b int, c int, d int, e int, f int, g int, h int, i int) WITH (user_catalog_table = true);
INSERT INTO cdc_envelope.schema_history VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9);
INSERT INTO t VALUES (7);
SELECT pg_temp.events('extension');
SELECT pg_drop_replication_slot('extension');
DROP TABLE cdc_envelope.schema_history;
-- a schema that belongs to another role: its owner could put functions into it
CREATE ROLE regress_owner;
ALTER SCHEMA cdc_envelope OWNER TO regress_owner;
CREATE EXTENSION cdc_envelope;
DROP SCHEMA cdc_envelope;
-- objects of an extension's names in the way of its functions are not called
CREATE EXTENSION cdc_envelope;
CREATE FUNCTION public.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
CREATE FUNCTION public.current_query() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
CREATE FUNCTION public.always(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.always);
CREATE TEMP TABLE pg_class (oid oid);
CREATE TEMP TABLE pg_event_trigger_ddl_commands (oid oid);
SET search_path = public, pg_temp, pg_catalog;
CREATE TABLE safe (id int PRIMARY KEY, gone int);
ALTER TABLE safe DROP gone;
DROP TABLE safe;
RESET search_path;
SELECT table_name, version, tag, definition IS NULL AS dropped FROM cdc_envelope.schema_history WHERE table_name = 'safe' ORDER BY version;
-- every function of the extension names its schema or pins its search_path
SELECT proname, prosecdef, proconfig FROM pg_proc WHERE pronamespace = 'cdc_envelope'::regnamespace ORDER BY 1;
SELECT proname FROM pg_proc WHERE pronamespace = 'cdc_envelope'::regnamespace AND prosecdef AND
    (proconfig IS NULL OR has_function_privilege('regress_owner', oid, 'EXECUTE'));
DROP EXTENSION cdc_envelope;
DROP ROLE regress_owner;
-- by way of its owner
DROP SCHEMA cdc_envelope;
CREATE ROLE regress_admin SUPERUSER;
SET ROLE regress_admin;
CREATE EXTENSION cdc_envelope;
RESET ROLE;
SELECT 'slot' FROM pg_create_logical_replication_slot('extension', 'cdc_envelope');
-- in a session that has not met the extension
\c regress_extension
DROP OWNED BY regress_admin CASCADE;
SELECT pg_drop_replication_slot('extension');
DROP OWNED BY regress_admin CASCADE;
SELECT count(*) FROM pg_extension WHERE extname = 'cdc_envelope';
DROP ROLE regress_admin;
\c regression
DROP DATABASE regress_extension;

-- No code of a user's runs in the walsender: an output function that does not promise to read nothing is not called.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA types_untrusted;
SET search_path = types_untrusted;
SET client_min_messages = warning;
-- PostgreSQL itself refuses SQL and PL here
\set VERBOSITY terse
CREATE TYPE shady;
\set VERBOSITY sqlstate
CREATE FUNCTION shady_out(shady) RETURNS cstring LANGUAGE sql AS $$ SELECT 'x'::cstring $$;
\set VERBOSITY default
CREATE FUNCTION shady_out(shady) RETURNS cstring LANGUAGE plpgsql AS $$ BEGIN RETURN 'x'; END $$;
\set VERBOSITY default
-- C code by what it promises
CREATE FUNCTION shady_in(cstring) RETURNS shady LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION shady_out(shady) RETURNS cstring LANGUAGE internal STABLE STRICT AS 'textout';
CREATE TYPE shady (INPUT = shady_in, OUTPUT = shady_out, LIKE = text);
CREATE TYPE honest;
CREATE FUNCTION honest_in(cstring) RETURNS honest LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION honest_out(honest) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE honest (INPUT = honest_in, OUTPUT = honest_out, LIKE = text);
CREATE DOMAIN domain_of AS shady;
CREATE TYPE row_of AS (a int, s shady);
CREATE TABLE t (id int PRIMARY KEY, h honest, s shady, d domain_of, ss shady[], r row_of);
CREATE TABLE keyed (s text PRIMARY KEY);
SELECT 'slot' FROM pg_create_logical_replication_slot('types_untrusted', 'cdc_envelope');
INSERT INTO t VALUES (1, 'h', 's', 'd', '{s}', '(1,s)'), (2, NULL, NULL, NULL, NULL, NULL), (3, 'h', NULL, NULL, '{}', '(1,)');
SELECT cdc_envelope.encode(t, 'r', '0/0', '2026-02-07 05:55:21+00') FROM t ORDER BY id;
SELECT pg_temp.events('types_untrusted', 'ddl', 'off');
-- a promise that is made later
ALTER FUNCTION shady_out(shady) IMMUTABLE;
INSERT INTO t VALUES (4, 'h', 's', 'd', '{s}', '(1,s)');
SELECT pg_temp.events('types_untrusted', 'ddl', 'off');
SELECT pg_drop_replication_slot('types_untrusted');
DROP SCHEMA types_untrusted CASCADE;

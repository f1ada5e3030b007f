-- needs PostgreSQL 14
-- A slot made for two-phase decoding has prepared transactions at their commit too (decision 0108).
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA two_phase;
SET search_path = two_phase;
CREATE TABLE prepared (id int PRIMARY KEY, n int);
SELECT 'slot' FROM pg_create_logical_replication_slot('two_phase', 'cdc_envelope', false, true);
BEGIN;
INSERT INTO prepared VALUES (1, 1);
PREPARE TRANSACTION 'cdc_envelope two_phase';
INSERT INTO prepared VALUES (2, 2);
SELECT pg_temp.events('two_phase', 'transactions', 'on');
COMMIT PREPARED 'cdc_envelope two_phase';
SELECT pg_temp.events('two_phase', 'transactions', 'on');
-- and one that is rolled back not at all
BEGIN;
INSERT INTO prepared VALUES (3, 3);
PREPARE TRANSACTION 'cdc_envelope two_phase';
ROLLBACK PREPARED 'cdc_envelope two_phase';
SELECT pg_temp.events('two_phase', 'transactions', 'on');
SELECT pg_drop_replication_slot('two_phase');
SET client_min_messages = warning;
DROP SCHEMA two_phase CASCADE;

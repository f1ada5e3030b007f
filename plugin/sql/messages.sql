-- Logical messages: those of a transaction by default, all of them, or none.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA messages;
SET search_path = messages;
CREATE TABLE t (id int PRIMARY KEY);
SELECT 'slot' FROM pg_create_logical_replication_slot('messages', 'cdc_envelope');
-- outside any transaction's fate: they are decoded even where it rolls back
BEGIN;
SELECT 'sent' FROM pg_logical_emit_message(false, 'free', 'stays');
ROLLBACK;
BEGIN;
SELECT 'sent' FROM pg_logical_emit_message(true, 'bound', 'goes');
ROLLBACK;
BEGIN;
INSERT INTO t VALUES (1);
SELECT 'sent' FROM pg_logical_emit_message(true, 'a prefix/"ü"', E'quote " backslash \\ newline \n ü 😀');
SELECT 'sent' FROM pg_logical_emit_message(false, 'free', 'between');
SELECT 'sent' FROM pg_logical_emit_message(true, 'bytes', '\x00ff10'::bytea);
SELECT 'sent' FROM pg_logical_emit_message(true, 'bytes', '\x6100'::bytea);
SELECT 'sent' FROM pg_logical_emit_message(true, '', '');
INSERT INTO t VALUES (2);
COMMIT;
-- alone in its transaction
SELECT 'sent' FROM pg_logical_emit_message(true, 'alone', 'text');
INSERT INTO t VALUES (3);
SELECT pg_temp.peek('messages');
SELECT pg_temp.peek('messages', 'messages', 'off', 'transactions', 'on');
SELECT pg_temp.peek('messages', 'messages', 'all', 'transactions', 'on');
SELECT 'taken' FROM pg_temp.events('messages') HAVING count(*) > 0;
-- too long to be sent: said, not failed; the limit counts the JSON text
SELECT 'sent' FROM pg_logical_emit_message(true, 'long', repeat('x', 1022));
SELECT 'sent' FROM pg_logical_emit_message(true, 'long', repeat('x', 1023));
SELECT 'sent' FROM pg_logical_emit_message(true, 'long', decode(repeat('ff', 509), 'hex'));
SELECT 'sent' FROM pg_logical_emit_message(true, 'long', decode(repeat('ff', 510), 'hex'));
-- a prefix stands in the event twice
SELECT 'sent' FROM pg_logical_emit_message(true, repeat('p', 1024), 'its prefix is as long as can be');
SELECT 'sent' FROM pg_logical_emit_message(true, repeat('p', 1025), repeat('x', 1023));
SELECT regexp_replace(pg_temp.events('messages', 'max_value_bytes', '1024'), '(x|p|ff){200}(x|p|ff)*', '…', 'g');
SELECT pg_drop_replication_slot('messages');
SET client_min_messages = warning;
DROP SCHEMA messages CASCADE;

-- batch_bytes joins whole lines into one message, never past the end of a transaction.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA batch;
SET search_path = batch;
CREATE TABLE t (id int PRIMARY KEY, pad text);
SELECT 'slot' FROM pg_create_logical_replication_slot('batch', 'cdc_envelope');
INSERT INTO t SELECT i, 'x' FROM generate_series(1, 5) i;
INSERT INTO t VALUES (6, 'alone');
BEGIN;
INSERT INTO t VALUES (7, 'before the message');
SELECT 'sent' FROM pg_logical_emit_message(false, 'free', 'stands alone');
INSERT INTO t VALUES (8, 'after it');
COMMIT;
INSERT INTO t SELECT i, repeat('y', 3000) FROM generate_series(11, 13) i;
CREATE FUNCTION pg_temp.messages(VARIADIC options text[]) RETURNS TABLE (message bigint, lines int, bytes_over boolean, ids text) LANGUAGE sql AS $$
    SELECT row_number() OVER (), array_length(regexp_split_to_array(data, E'\n'), 1), octet_length(data) > 2000,
           (SELECT string_agg(line::json ->> 'op_type' || coalesce(line::json -> 'key' ->> 'id', ''), ' ' ORDER BY n)
              FROM regexp_split_to_table(data, E'\n') WITH ORDINALITY l(line, n))
      FROM pg_logical_slot_peek_changes('batch', NULL, NULL, VARIADIC options) $$;
-- as many lines a message as transactions allow
SELECT * FROM pg_temp.messages('batch_bytes', '1000000', 'transactions', 'on', 'messages', 'all');
-- full after about 1000 bytes
SELECT * FROM pg_temp.messages('batch_bytes', '1000', 'transactions', 'on');
SELECT * FROM pg_temp.messages('batch_bytes', '1');
-- joined or not, the same lines
SELECT (SELECT md5(string_agg(data, E'\n')) FROM pg_logical_slot_peek_changes('batch', NULL, NULL, 'batch_bytes', '700'))
     = (SELECT md5(string_agg(data, E'\n')) FROM pg_logical_slot_peek_changes('batch', NULL, NULL));
SELECT count(*) FROM (SELECT regexp_split_to_table(data, E'\n')::json -> 'seq' FROM pg_logical_slot_get_changes('batch', NULL, NULL, 'batch_bytes', '700')) whole;
SELECT pg_drop_replication_slot('batch');
SET client_min_messages = warning;
DROP SCHEMA batch CASCADE;

-- Options: what is refused, with which words, and what each one changes.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA options;
SET search_path = options;
CREATE TABLE t (id int8 PRIMARY KEY, j jsonb);
SELECT 'slot' FROM pg_create_logical_replication_slot('options', 'cdc_envelope');
INSERT INTO t VALUES (1, '{"a":null}');
-- refused; the session and the slot stay well
SELECT pg_temp.peek('options', 'colour', 'blue');
SELECT pg_temp.peek('options', 'Cluster', 'c');
SELECT pg_temp.peek('options', 'evidence', 'hash', 'evidence', 'literal');
SELECT pg_temp.peek('options', 'evidence', 'sha1');
SELECT pg_temp.peek('options', 'cluster', '');
SELECT pg_temp.peek('options', 'projection', '');
SELECT pg_temp.peek('options', 'source_commit', '');
SELECT pg_temp.peek('options', 'transactions', 'true');
SELECT pg_temp.peek('options', 'messages', 'on');
SELECT pg_temp.peek('options', 'ddl', '');
SELECT pg_temp.peek('options', 'publication_names', '');
SELECT pg_temp.peek('options', 'publication_names', 'a,,b');
SELECT pg_temp.peek('options', 'publication_names', 'nobody');
SELECT pg_temp.peek('options', 'include_tables', 't');
SELECT pg_temp.peek('options', 'include_tables', 'a.b.c');
SELECT pg_temp.peek('options', 'exclude_tables', '"a.b');
SELECT pg_temp.peek('options', 'exclude_tables', 'a.');
SELECT pg_temp.peek('options', 'mask', 'options.t.j');
SELECT pg_temp.peek('options', 'mask', 'options.t.j:blur');
SELECT pg_temp.peek('options', 'mask', 't.j:hash');
SELECT pg_temp.peek('options', 'int8', 'text');
SELECT pg_temp.peek('options', 'json', 'text');
SELECT pg_temp.peek('options', 'origin', 'all');
SELECT pg_temp.peek('options', 'partition', 'top');
SELECT pg_temp.peek('options', 'max_value_bytes', '1023');
SELECT pg_temp.peek('options', 'max_value_bytes', '536870913');
SELECT pg_temp.peek('options', 'batch_bytes', '-1');
SELECT pg_temp.peek('options', 'batch_bytes', '64kB');
SELECT pg_temp.peek('options', 'batch_bytes', '99999999999999999999');
-- in the same session, after all of that
SELECT pg_temp.peek('options');
-- each option's own effect
SELECT pg_temp.peek('options', 'cluster', 'cluster A/ü');
SELECT pg_temp.peek('options', 'projection', 'p', 'source_commit', '9fceb02', 'evidence', 'literal');
SELECT pg_temp.peek('options', 'projection', 'p', 'source_commit', '9fceb02', 'evidence', 'hash')::json ->> 'evidence_id'
       = 'sha256:' || encode(sha256('9fceb02@projection:p'), 'hex');
-- by default the projection is the slot's name and the commit is unknown
SELECT pg_temp.peek('options')::json ->> 'evidence_id' = 'sha256:' || encode(sha256('unknown@projection:options'), 'hex');
SELECT pg_temp.peek('options', 'int8', 'string');
SELECT pg_temp.peek('options', 'json', 'string');
SELECT pg_temp.peek('options', 'transactions', 'on');
SELECT pg_temp.peek('options', 'transactions', 'off', 'messages', 'transactional', 'ddl', 'on', 'int8', 'number', 'json', 'native',
                    'origin', 'any', 'partition', 'leaf', 'evidence', 'hash', 'max_value_bytes', '268435456', 'batch_bytes', '0')
       = pg_temp.peek('options');
INSERT INTO t VALUES (2, to_jsonb(repeat('x', 1023)));
SELECT pg_temp.events('options', 'max_value_bytes', '1024');
SELECT pg_drop_replication_slot('options');
SET client_min_messages = warning;
DROP SCHEMA options CASCADE;

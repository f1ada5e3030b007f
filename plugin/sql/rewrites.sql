-- Rows that a command writes anew without changing them are no changes, out of line or not.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set news :abs_srcdir '/sql/news.inc'
\i :news
\set ECHO all
CREATE SCHEMA rewrites;
SET search_path = rewrites;
CREATE TABLE t (id int PRIMARY KEY, n int, long text);
ALTER TABLE t ALTER long SET STORAGE EXTERNAL;
INSERT INTO t VALUES (1, 10, repeat('x', 5000)), (2, 20, 'short');
CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
CREATE UNLOGGED TABLE u (id int PRIMARY KEY);
INSERT INTO u VALUES (1);
SELECT 'slot' FROM pg_create_logical_replication_slot('rewrites', 'cdc_envelope');
REFRESH MATERIALIZED VIEW m;
ALTER TABLE u SET LOGGED;
VACUUM FULL t;
CLUSTER t USING t_pkey;
DROP MATERIALIZED VIEW m;
-- in the middle of a transaction, between changes
BEGIN;
INSERT INTO t VALUES (3, 30, 'before');
ALTER TABLE t ALTER n TYPE bigint, ADD at timestamptz DEFAULT clock_timestamp();
UPDATE t SET at = '2026-02-07 05:55:21Z', n = 11 WHERE id = 1;
INSERT INTO t VALUES (4, 40, 'after', NULL);
COMMIT;
INSERT INTO u VALUES (2);
SELECT pg_temp.news('rewrites');
SELECT pg_drop_replication_slot('rewrites');
SET client_min_messages = warning;
DROP SCHEMA rewrites CASCADE;

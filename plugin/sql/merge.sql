-- needs PostgreSQL 15
-- MERGE is the changes that it makes.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA merge;
SET search_path = merge;
CREATE TABLE a (id int PRIMARY KEY, n int);
INSERT INTO a VALUES (13, 1), (15, 1);
SELECT 'slot' FROM pg_create_logical_replication_slot('merge', 'cdc_envelope');
MERGE INTO a USING (VALUES (13), (14), (15)) v(id) ON a.id = v.id
 WHEN MATCHED AND a.id = 13 THEN DELETE WHEN MATCHED THEN UPDATE SET n = a.n + 1 WHEN NOT MATCHED THEN INSERT VALUES (v.id, 0);
SELECT pg_temp.events('merge');
SELECT pg_drop_replication_slot('merge');
SET client_min_messages = warning;
DROP SCHEMA merge CASCADE;

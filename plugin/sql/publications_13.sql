-- What a publication can say on every major: its tables, its operations, and whether partitions go by their root's name.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA published;
SET search_path = published;
CREATE TABLE a (id int PRIMARY KEY, n int);
CREATE TABLE b (id int PRIMARY KEY);
CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (100);
SET client_min_messages = error;
CREATE PUBLICATION regress_every_a FOR TABLE a;
CREATE PUBLICATION regress_every_insert FOR TABLE a, b WITH (publish = 'insert');
CREATE PUBLICATION regress_every_leaf FOR TABLE root;
CREATE PUBLICATION regress_every_root FOR TABLE root WITH (publish_via_partition_root);
CREATE PUBLICATION regress_every_all FOR ALL TABLES WITH (publish = 'delete, truncate');
RESET client_min_messages;
CREATE FUNCTION pg_temp.published(names text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', e ->> 'op_type', e ->> 'table', e ->> 'partition', coalesce(e ->> 'after', e ->> 'key'))
      FROM (SELECT line::json AS e FROM pg_temp.peek('every', 'publication_names', names, 'ddl', 'off') line) l
$$;
SELECT 'slot' FROM pg_create_logical_replication_slot('every', 'cdc_envelope');
INSERT INTO a VALUES (1, 1);
UPDATE a SET n = 2;
DELETE FROM a;
INSERT INTO b VALUES (2);
DELETE FROM b;
INSERT INTO root VALUES (3);
TRUNCATE a, root;
SELECT pg_temp.published('regress_every_a');
SELECT pg_temp.published('regress_every_insert');
SELECT pg_temp.published('regress_every_a,regress_every_insert');
SELECT pg_temp.published('regress_every_leaf');
SELECT pg_temp.published('regress_every_root');
SELECT pg_temp.published('regress_every_all');
SELECT pg_drop_replication_slot('every');
DROP PUBLICATION regress_every_a, regress_every_insert, regress_every_leaf, regress_every_root, regress_every_all;
SET client_min_messages = warning;
DROP SCHEMA published CASCADE;

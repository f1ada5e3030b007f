-- needs PostgreSQL 15
-- publication_names captures what PostgreSQL's own publications have.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA publications;
SET search_path = publications;
CREATE SCHEMA publications_b;
CREATE TABLE a (id int PRIMARY KEY, shown text, hidden text);
CREATE TABLE b (id int PRIMARY KEY);
CREATE TABLE publications_b.c (id int PRIMARY KEY);
CREATE TABLE root (id int PRIMARY KEY, shown text, hidden text) PARTITION BY RANGE (id);
CREATE TABLE leaf (hidden text, id int PRIMARY KEY, gone int, shown text);
ALTER TABLE leaf DROP gone;
ALTER TABLE root ATTACH PARTITION leaf FOR VALUES FROM (0) TO (100);
SET client_min_messages = error;
CREATE PUBLICATION regress_table FOR TABLE a;
CREATE PUBLICATION regress_columns FOR TABLE a (id, shown);
CREATE PUBLICATION regress_schema FOR TABLES IN SCHEMA publications_b;
CREATE PUBLICATION regress_all FOR ALL TABLES;
CREATE PUBLICATION regress_insert FOR TABLE a, b WITH (publish = 'insert');
CREATE PUBLICATION regress_empty;
CREATE PUBLICATION regress_leaf FOR TABLE root;
CREATE PUBLICATION regress_root FOR TABLE root (id, shown) WITH (publish_via_partition_root);
CREATE PUBLICATION regress_other FOR TABLE a (id, hidden);
CREATE PUBLICATION regress_leaf_columns FOR TABLE leaf (id, hidden) WITH (publish = 'insert');
CREATE PUBLICATION regress_root_updates FOR TABLE root (id, shown) WITH (publish_via_partition_root, publish = 'update');
CREATE PUBLICATION regress_filter FOR TABLE a WHERE (id > 1);
CREATE PUBLICATION "regress, odd" FOR TABLE b;
RESET client_min_messages;
SELECT 'slot' FROM pg_create_logical_replication_slot('publications', 'cdc_envelope');
BEGIN;
INSERT INTO a VALUES (1, 'shown', 'hidden');
UPDATE a SET shown = 'new';
INSERT INTO b VALUES (2);
INSERT INTO publications_b.c VALUES (3);
INSERT INTO root VALUES (4, 'shown', 'hidden');
DELETE FROM a;
TRUNCATE a, b;
COMMIT;
CREATE FUNCTION pg_temp.seen(VARIADIC options text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s', e ->> 'op_type', coalesce(e ->> 'partition', e ->> 'table'), coalesce(e ->> 'after', e ->> 'before')), E'\n' ORDER BY n)
      FROM (SELECT data::json AS e, row_number() OVER () AS n FROM pg_logical_slot_peek_changes('publications', NULL, NULL, VARIADIC options)) s $$;
SELECT pg_temp.seen('publication_names', 'regress_table');
SELECT pg_temp.seen('publication_names', 'regress_columns');
SELECT pg_temp.seen('publication_names', 'regress_schema');
SELECT pg_temp.seen('publication_names', 'regress_all');
SELECT pg_temp.seen('publication_names', 'regress_insert');
SELECT pg_temp.seen('publication_names', 'regress_empty') IS NULL;
-- several: what any of them has
SELECT pg_temp.seen('publication_names', 'regress_insert,regress_schema');
SELECT pg_temp.seen('publication_names', 'regress_columns,regress_insert');
SELECT pg_temp.seen('publication_names', '"regress, odd"');
-- column lists of several: what any has; with a publication that has none, all
SELECT pg_temp.seen('publication_names', 'regress_columns,regress_other');
SELECT pg_temp.seen('publication_names', 'regress_other,regress_columns,regress_all');
SELECT pg_temp.seen('publication_names', 'regress_other,regress_leaf', 'include_tables', 'publications.a');
-- of a partition's and its root's the root's, where that gives the name; the operations of both
SELECT pg_temp.seen('publication_names', 'regress_leaf_columns');
SELECT pg_temp.seen('publication_names', 'regress_leaf_columns,regress_root');
SELECT pg_temp.seen('publication_names', 'regress_root_updates');
SELECT pg_temp.seen('publication_names', 'regress_root_updates,regress_leaf_columns');
-- a partition by its root; the root's columns by name, whatever the partition's own order
SELECT pg_temp.peek('publications', 'publication_names', 'regress_leaf');
SELECT pg_temp.peek('publications', 'publication_names', 'regress_root');
-- options narrow it further
SELECT pg_temp.seen('publication_names', 'regress_all', 'exclude_tables', '*.a');
SELECT pg_temp.seen('publication_names', 'regress_filter');
SELECT pg_temp.seen('publication_names', 'regress_filter,regress_insert');
SELECT pg_temp.seen('publication_names', 'regress_none');
-- as the publication was at the change, not as it is now
ALTER PUBLICATION regress_table DROP TABLE a;
INSERT INTO a VALUES (5, 'after', 'it left');
ALTER PUBLICATION regress_table ADD TABLE a;
INSERT INTO a VALUES (6, 'after', 'it came back');
SELECT pg_temp.seen('publication_names', 'regress_table');
-- definitions of what they publish, and no others; a dropped table's end by those that listed it
CREATE TABLE unpublished (id int PRIMARY KEY, secret text);
ALTER TABLE unpublished RENAME TO unpublished_b;
DROP TABLE unpublished_b;
CREATE TABLE listed (id int PRIMARY KEY);
CREATE PUBLICATION regress_listed FOR TABLE listed;
ALTER TABLE listed ADD n int;
ALTER TABLE listed RENAME TO listed_b;
DROP TABLE listed_b;
CREATE TABLE publications_b.d (id int PRIMARY KEY);
DROP TABLE publications_b.d;
ALTER TABLE root ADD n int;
CREATE FUNCTION pg_temp.defined(VARIADIC options text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s %s', e ->> 'table', e ->> 'schema_version', e -> 'ddl' ->> 'tag'), E'\n' ORDER BY n)
      FROM (SELECT data::json AS e, row_number() OVER () AS n FROM pg_logical_slot_peek_changes('publications', NULL, NULL, VARIADIC options)) s
     WHERE e ->> 'op_type' = 's' $$;
SELECT pg_temp.defined('include_tables', '*.*');
SELECT pg_temp.defined('publication_names', 'regress_all');
SELECT pg_temp.defined('publication_names', 'regress_schema');
SELECT pg_temp.defined('publication_names', 'regress_listed');
SELECT pg_temp.defined('publication_names', 'regress_leaf');
SELECT pg_temp.defined('publication_names', 'regress_root');
SELECT pg_temp.defined('partition', 'root', 'include_tables', 'publications.root');
DROP PUBLICATION regress_listed;
-- one made later than what is decoded had published nothing
CREATE PUBLICATION regress_late FOR TABLE b;
INSERT INTO b VALUES (7);
SELECT pg_temp.seen('publication_names', 'regress_late');
-- nor does one that was dropped, until it is there again, and neither is in silence
DROP PUBLICATION regress_late;
INSERT INTO b VALUES (8);
CREATE PUBLICATION regress_late FOR TABLE b;
INSERT INTO b VALUES (9);
SELECT pg_temp.seen('publication_names', 'regress_late');
DROP PUBLICATION regress_late;
SELECT pg_temp.seen('publication_names', 'regress_late');
DROP PUBLICATION regress_table, regress_columns, regress_schema, regress_all, regress_insert, regress_empty, regress_leaf, regress_root, regress_filter, regress_other, regress_leaf_columns, regress_root_updates, "regress, odd";
SET client_min_messages = warning;
DROP SCHEMA publications_b CASCADE;
SELECT pg_drop_replication_slot('publications');
SET client_min_messages = warning;
DROP SCHEMA publications CASCADE;

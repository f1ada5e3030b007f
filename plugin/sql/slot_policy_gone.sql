-- What a policy, or an option, says of a partitioned table holds for a partition that is gone too; and a key that is not
-- shown whole is not named.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\set news :abs_srcdir '/sql/news.inc'
CREATE DATABASE regress_gone;
\c regress_gone
\i :stream
\i :news
CREATE FUNCTION pg_temp.brief_peek(slot name, VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT pg_temp.brief(data) FROM pg_logical_slot_peek_changes(slot, NULL, NULL, VARIADIC options);
END $$;
\set ECHO all
CREATE EXTENSION cdc_envelope;
CREATE SCHEMA gone;
CREATE SCHEMA elsewhere;
SET search_path = gone;
SET client_min_messages = warning;
CREATE TABLE root (id int, region text, secret text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE eu PARTITION OF root FOR VALUES IN ('eu') PARTITION BY RANGE (id);
CREATE TABLE eu_1 PARTITION OF eu FOR VALUES FROM (0) TO (100);
CREATE TABLE elsewhere.eu_2 PARTITION OF eu FOR VALUES FROM (100) TO (200);
CREATE TABLE us PARTITION OF root FOR VALUES IN ('us');
CREATE TABLE asia PARTITION OF root FOR VALUES IN ('asia');
CREATE TABLE africa PARTITION OF root FOR VALUES IN ('africa');
CREATE TABLE other (item text, code int PRIMARY KEY);
CREATE PUBLICATION regress_gone_leaves FOR TABLE root;
CREATE PUBLICATION regress_gone_root FOR TABLE root WITH (publish_via_partition_root = true);
CREATE PUBLICATION regress_gone_all FOR ALL TABLES WITH (publish_via_partition_root = true);
SELECT 'slot' FROM pg_create_logical_replication_slot('gone', 'cdc_envelope');
-- the root keeps its place, or a name it got on the way
DROP TABLE eu_1;
BEGIN;
SAVEPOINT undone;
DROP TABLE us;
ROLLBACK TO undone;
ALTER TABLE root RENAME TO trunk;
DROP TABLE us;
ALTER TABLE trunk RENAME TO root;
COMMIT;
-- no partition any more when it goes
BEGIN;
ALTER TABLE root DETACH PARTITION africa;
DROP TABLE africa;
COMMIT;
-- a definition whose key has a column that is not shown
ALTER TABLE other ADD n int;
-- all at once, in another schema too, and the schema itself
DROP SCHEMA gone CASCADE;
SELECT table_name, ancestors, publications FROM cdc_envelope.schema_history WHERE definition IS NULL AND schema_name IN ('gone', 'elsewhere') AND
    tag LIKE 'DROP%' ORDER BY version, table_name;
SELECT pg_temp.brief_peek('gone');
-- columns that the policy names of the root are the partitions' too
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, columns) VALUES ('gone', '{*.*}',
    '{gone.root.id,gone.root.region,gone.trunk.id,gone.other.item}');
SELECT pg_temp.brief_peek('gone');
SELECT line::json -> 'before' AS before FROM pg_temp.peek('gone') line WHERE line ~ '"table":"(eu_1|other)"';
SELECT count(*) FROM pg_temp.peek('gone') line WHERE line ~ 'secret' AND line !~ '"table":"africa"';
-- a table that it lets through, or keeps back, with its partitions
UPDATE cdc_envelope.slot_policy SET include_tables = '{gone.root}', columns = '{}';
SELECT pg_temp.brief_peek('gone');
UPDATE cdc_envelope.slot_policy SET include_tables = '{*.*}', exclude_tables = '{gone.root,*.trunk}';
SELECT pg_temp.brief_peek('gone');
DELETE FROM cdc_envelope.slot_policy;
-- the same by options
SELECT pg_temp.brief_peek('gone', 'exclude_tables', 'gone.eu,gone.other');
SELECT pg_temp.brief_peek('gone', 'include_tables', 'gone.eu');
-- under the root's name there is nothing to tell of a partition
SELECT pg_temp.brief_peek('gone', 'partition', 'root');
SELECT pg_temp.brief_peek('gone', 'publication_names', 'regress_gone_leaves');
SELECT pg_temp.brief_peek('gone', 'publication_names', 'regress_gone_root');
SELECT pg_temp.brief_peek('gone', 'publication_names', 'regress_gone_all');
-- what went unnoticed, of which nobody knows what it was a partition of: no columns, where any are named
CREATE TABLE public.unnoticed (id int PRIMARY KEY, secret text);
SELECT count(*) FROM pg_temp.news('gone');
SET session_replication_role = replica;
DROP TABLE public.unnoticed;
RESET session_replication_role;
SELECT cdc_envelope.record_all();
SELECT pg_temp.brief_peek('gone');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, columns) VALUES ('gone', '{*.*}', '{gone.root.id}');
SELECT line::json -> 'before' AS before FROM pg_temp.peek('gone') line;
-- one that comes with a dump, and is known by its name alone
CREATE TABLE elsewhere.root (id int PRIMARY KEY, secret text) PARTITION BY RANGE (id);
CREATE TABLE elsewhere.leaf PARTITION OF elsewhere.root DEFAULT;
SELECT count(*) FROM pg_temp.news('gone');
UPDATE cdc_envelope.slot_policy SET columns = '{elsewhere.root.id}';
INSERT INTO cdc_envelope.schema_history SELECT schema_name, table_name, version, fingerprint, definition, previous, 'CREATE TABLE', statement, relation,
    recorded_at FROM cdc_envelope.schema_history WHERE schema_name = 'elsewhere' AND table_name = 'leaf';
SELECT line::json -> 'after' AS after FROM pg_temp.peek('gone') line;
DELETE FROM cdc_envelope.slot_policy;
SELECT pg_drop_replication_slot('gone');
\c regression
DROP DATABASE regress_gone;

-- A partition's rows come under its own name, or under its root's.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA partitions;
SET search_path = partitions;
CREATE TABLE root (id int, region text, secret text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE eu PARTITION OF root FOR VALUES IN ('eu') PARTITION BY RANGE (id);
CREATE TABLE eu_low PARTITION OF eu FOR VALUES FROM (0) TO (100);
-- one with its columns in another order, and a dropped one
CREATE TABLE us (secret text, gone int, region text NOT NULL, id int NOT NULL, PRIMARY KEY (id, region));
ALTER TABLE us DROP gone;
ALTER TABLE root ATTACH PARTITION us FOR VALUES IN ('us');
SELECT 'slot' FROM pg_create_logical_replication_slot('partitions', 'cdc_envelope');
INSERT INTO root VALUES (1, 'eu', 's1'), (2, 'us', 's2');
-- over to another partition: a delete and an insert
UPDATE root SET region = 'us' WHERE id = 1;
DELETE FROM root WHERE id = 2;
TRUNCATE us;
TRUNCATE root;
ALTER TABLE root ADD n int;
INSERT INTO root VALUES (3, 'us', 's3', 3);
SELECT pg_temp.peek('partitions', 'ddl', 'off');
SELECT pg_temp.peek('partitions', 'ddl', 'off', 'partition', 'root', 'transactions', 'on');
-- options that name the root mean its partitions too
SELECT count(*) FROM (SELECT pg_temp.peek('partitions', 'include_tables', 'partitions.eu', 'ddl', 'off')) e;
SELECT count(*) FROM (SELECT pg_temp.peek('partitions', 'exclude_tables', 'partitions.root', 'ddl', 'off')) e;
SELECT count(*) FILTER (WHERE data ~ '"s[123]"'), count(*) FROM pg_logical_slot_peek_changes('partitions', NULL, NULL, 'mask', 'partitions.root.secret:redact');
SELECT pg_temp.peek('partitions', 'mask', 'partitions.root.region:hash');
-- the root's name changes, and nothing tells the partitions
SET session_replication_role = replica;
ALTER TABLE root RENAME TO trunk;
RESET session_replication_role;
INSERT INTO trunk VALUES (4, 'us', 's4', 4);
SELECT data::json ->> 'table' AS table, data::json ->> 'schema_version' AS version, data::json ->> 'key' AS key
    FROM pg_logical_slot_peek_changes('partitions', NULL, NULL, 'partition', 'root', 'ddl', 'off') WHERE data ~ '"op_type":"c"';
SELECT pg_drop_replication_slot('partitions');
-- a partition's own identity need not have the root's key: then the old row is not known by an id under the root's name
CREATE TABLE whole (id int, at int, code int NOT NULL, PRIMARY KEY (id, at)) PARTITION BY LIST (at);
CREATE TABLE part PARTITION OF whole FOR VALUES IN (1);
CREATE UNIQUE INDEX part_code ON part (code);
ALTER TABLE part REPLICA IDENTITY USING INDEX part_code;
SELECT 'slot' FROM pg_create_logical_replication_slot('partitions', 'cdc_envelope');
INSERT INTO whole VALUES (1, 1, 10);
UPDATE whole SET code = 11;
UPDATE whole SET code = 12, id = 2;
ALTER TABLE part REPLICA IDENTITY FULL;
UPDATE whole SET code = 13;
UPDATE whole SET id = 3;
SELECT data::json ->> 'old_source_id' AS old, data::json ->> 'source_id' AS new, data::json ->> 'before' AS before
    FROM pg_logical_slot_peek_changes('partitions', NULL, NULL, 'cluster', 'c', 'ddl', 'off', 'partition', 'root');
SELECT data::json ->> 'old_source_id' AS old, data::json ->> 'source_id' AS new, data::json ->> 'before' AS before
    FROM pg_logical_slot_peek_changes('partitions', NULL, NULL, 'cluster', 'c', 'ddl', 'off');
SELECT pg_drop_replication_slot('partitions');
SET client_min_messages = warning;
DROP SCHEMA partitions CASCADE;

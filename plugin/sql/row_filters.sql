-- needs PostgreSQL 15
-- Publications' row filters: which changes are sent, and as what. pgoutput itself says what is right.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA row_filters;
SET search_path = row_filters;
CREATE TABLE t (id int, grp int, note text, PRIMARY KEY (id, grp));
CREATE TABLE whole (id int PRIMARY KEY, n int, big text);
ALTER TABLE whole REPLICA IDENTITY FULL, ALTER big SET STORAGE EXTERNAL;
CREATE TABLE toasted (key text PRIMARY KEY, n int);
ALTER TABLE toasted ALTER key SET STORAGE EXTERNAL;
CREATE TABLE root (id int, n int, note text, PRIMARY KEY (id, n)) PARTITION BY RANGE (id);
CREATE TABLE leaf (note text, gone int, n int NOT NULL, id int NOT NULL);
ALTER TABLE leaf DROP gone;
ALTER TABLE root ATTACH PARTITION leaf FOR VALUES FROM (0) TO (100);
CREATE TABLE mid PARTITION OF root FOR VALUES FROM (100) TO (200) PARTITION BY RANGE (id);
CREATE TABLE deep PARTITION OF mid FOR VALUES FROM (100) TO (150);
SET client_min_messages = error;
CREATE PUBLICATION regress_rows_insert FOR TABLE t WHERE (grp > 10) WITH (publish = 'insert');
CREATE PUBLICATION regress_rows_update FOR TABLE t WHERE (grp > 20) WITH (publish = 'update');
CREATE PUBLICATION regress_rows_delete FOR TABLE t WHERE (grp < 30) WITH (publish = 'delete');
CREATE PUBLICATION regress_rows_high FOR TABLE t WHERE (grp > 15), whole WHERE (length(big) > 2500 AND n > 3), toasted WHERE (key < 'm');
CREATE PUBLICATION regress_rows_low FOR TABLE t WHERE (grp < 5), whole WHERE (n IS NULL);
CREATE PUBLICATION regress_rows_null FOR TABLE t WHERE (null);
CREATE PUBLICATION regress_rows_plain FOR TABLE t WITH (publish = 'insert');
CREATE PUBLICATION regress_rows_all FOR ALL TABLES WITH (publish = 'update, truncate');
CREATE PUBLICATION regress_rows_schema FOR TABLES IN SCHEMA row_filters WITH (publish = 'delete');
CREATE PUBLICATION regress_rows_root FOR TABLE root WHERE (n > 5) WITH (publish_via_partition_root);
CREATE PUBLICATION regress_rows_both FOR TABLE root WHERE (n < 3), leaf WHERE (n > 8) WITH (publish_via_partition_root);
CREATE PUBLICATION regress_rows_leaf FOR TABLE leaf WHERE (n < 8);
CREATE PUBLICATION regress_rows_parts FOR TABLE root WITH (publish = 'insert');
CREATE PUBLICATION regress_rows_mid FOR TABLE mid WHERE (n > 105), deep WHERE (n < 104) WITH (publish_via_partition_root, publish = 'insert, delete');
CREATE PUBLICATION regress_rows_deep FOR TABLE deep WHERE (n < 103);
CREATE PUBLICATION regress_rows_every FOR ALL TABLES WITH (publish_via_partition_root, publish = 'insert');
CREATE PUBLICATION regress_rows_within FOR TABLES IN SCHEMA row_filters WITH (publish_via_partition_root, publish = 'update, delete');
RESET client_min_messages;
SELECT 'slot' FROM pg_create_logical_replication_slot('row_filters', 'cdc_envelope');
SELECT 'slot' FROM pg_create_logical_replication_slot('row_filters_pgoutput', 'pgoutput');
BEGIN;
INSERT INTO t SELECT i, i, 'new' FROM generate_series(1, 40, 3) i;
UPDATE t SET note = 'same key';
UPDATE t SET grp = grp + 10 WHERE id < 20;
UPDATE t SET grp = grp - 30 WHERE id > 30;
DELETE FROM t WHERE id IN (1, 13, 22, 31, 40);
INSERT INTO whole VALUES (1, 1, repeat('a', 3000)), (2, 5, repeat('b', 3000)), (3, 5, 'short'), (4, NULL, repeat('d', 3000)), (5, 9, NULL);
UPDATE whole SET n = 7 WHERE id = 1;
UPDATE whole SET n = 2 WHERE id = 2;
UPDATE whole SET big = repeat('c', 2600) WHERE id = 3;
UPDATE whole SET n = 4 WHERE id = 4;
UPDATE whole SET n = NULL, big = 'e' WHERE id = 5;
UPDATE whole SET n = n + 1;
DELETE FROM whole;
INSERT INTO toasted VALUES (repeat('a', 2500), 1), (repeat('z', 2500), 1), ('b', 1);
UPDATE toasted SET n = 2;
UPDATE toasted SET key = repeat('y', 2500) WHERE key < 'b';
UPDATE toasted SET key = repeat('c', 2500) WHERE key > 'yz';
DELETE FROM toasted;
INSERT INTO root SELECT i, i, 'new' FROM generate_series(1, 10) i;
UPDATE root SET n = 11 - n;
UPDATE root SET note = 'same key';
DELETE FROM root WHERE id % 2 = 0;
INSERT INTO root SELECT i, i, 'new' FROM generate_series(101, 110) i;
UPDATE root SET n = 211 - n WHERE id > 100;
DELETE FROM root WHERE id > 107;
TRUNCATE t, root;
COMMIT;
-- pgoutput's messages (protocol-logicalrep-message-formats): what kind they are, and the values in them
CREATE FUNCTION pg_temp.pgoutput(message bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kind text := chr(get_byte(message, 0));
    place int := 5;
    tuple text;
    old text := '';
    new text := '';
    length int;
BEGIN
    IF kind NOT IN ('I', 'U', 'D') THEN RETURN CASE kind WHEN 'T' THEN 't ' END; END IF;
    WHILE place < octet_length(message) LOOP
        tuple := chr(get_byte(message, place));
        place := place + 3;
        FOR i IN 1 .. get_byte(message, place - 2) * 256 + get_byte(message, place - 1) LOOP
            place := place + 1;
            CONTINUE WHEN chr(get_byte(message, place - 1)) <> 't';
            length := ('x' || encode(substr(message, place + 1, 4), 'hex'))::bit(32)::int;
            IF tuple = 'N' THEN
                new := concat(new, ' ', left(convert_from(substr(message, place + 5, length), 'UTF8'), 10));
            ELSE
                old := concat(old, ' ', left(convert_from(substr(message, place + 5, length), 'UTF8'), 10));
            END IF;
            place := place + 4 + length;
        END LOOP;
    END LOOP;
    RETURN CASE kind WHEN 'I' THEN 'c' || new WHEN 'U' THEN 'u' || new ELSE 'd' || old END;
END $$;
CREATE FUNCTION pg_temp.ours(event json) RETURNS text LANGUAGE sql AS $$
    SELECT concat(event ->> 'op_type', ' ', (SELECT string_agg(left(value, 10), ' ' ORDER BY n)
             FROM json_each_text(coalesce(event -> 'after', event -> 'before')) WITH ORDINALITY AS f(key, value, n) WHERE value IS NOT NULL))
$$;
CREATE FUNCTION pg_temp.sent(publications text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(pg_temp.ours(json_strip_nulls(data::json)), E'\n' ORDER BY n)
      FROM pg_logical_slot_peek_changes('row_filters', NULL, NULL, 'publication_names', publications) WITH ORDINALITY AS s(lsn, xid, data, n) $$;
CREATE FUNCTION pg_temp."right"(publications text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(pg_temp.pgoutput(data), E'\n' ORDER BY n)
      FROM pg_logical_slot_peek_binary_changes('row_filters_pgoutput', NULL, NULL, 'proto_version', '1', 'publication_names', publications)
           WITH ORDINALITY AS s(lsn, xid, data, n) $$;
-- one by one
SELECT pg_temp.sent('regress_rows_insert');
SELECT pg_temp.sent('regress_rows_update');
SELECT pg_temp.sent('regress_rows_delete');
SELECT pg_temp.sent('regress_rows_high');
SELECT pg_temp.sent('regress_rows_null');
SELECT pg_temp.sent('regress_rows_root');
SELECT pg_temp.sent('regress_rows_leaf');
-- Each of them, any two, and any three of those that have partitions: as pgoutput, to the value. Two things are not compared: a
-- truncation is no row and may be one event a table here; and a value that an update left in TOAST is shown here where the old row has it.
CREATE FUNCTION pg_temp.compared(lines text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(coalesce(lines, ''), '^t *$\n?', '', 'gn'), '^(u.*?) (\S)\2{9}', '\1', 'gn') || E'\n' $$;
CREATE TEMP TABLE publications AS SELECT pubname::text AS name, pubname ~ 'root|both|leaf|mid|every|within' AS parts FROM pg_publication WHERE pubname LIKE 'regress_rows%';
CREATE TEMP TABLE compared AS
    SELECT name AS set FROM publications
     UNION ALL SELECT a.name || ',' || b.name FROM publications a JOIN publications b ON a.name < b.name
     UNION ALL SELECT concat_ws(',', a.name, b.name, c.name) FROM publications a JOIN publications b ON a.name < b.name JOIN publications c ON b.name < c.name
                WHERE a.parts AND b.parts AND c.parts;
ALTER TABLE compared ADD sent text, ADD expected text;
UPDATE compared SET sent = pg_temp.compared(pg_temp.sent(set)), expected = pg_temp.compared(pg_temp."right"(set));
SELECT count(*) AS sets, count(DISTINCT sent) AS different, sum(regexp_count(sent, '^c', 1, 'n')) AS inserts, sum(regexp_count(sent, '^u', 1, 'n')) AS updates,
       sum(regexp_count(sent, '^d', 1, 'n')) AS deletes, count(*) FILTER (WHERE sent <> expected) AS wrong FROM compared;
SELECT set, n, pair.sent, pair.expected
  FROM compared, LATERAL ROWS FROM (string_to_table(sent, E'\n'), string_to_table(expected, E'\n')) WITH ORDINALITY AS pair(sent, expected, n)
 WHERE pair.sent IS DISTINCT FROM pair.expected ORDER BY 1, 2 LIMIT 20;
-- an update that enters or leaves has the images of an insert or a delete
SELECT line::json ->> 'op_type' AS op, regexp_replace(line::json ->> 'key', '(.)\1{9,}', '\1…') AS key, regexp_replace(line::json ->> 'before', '(.)\1{9,}', '\1…') AS before, regexp_replace(line::json ->> 'after', '(.)\1{9,}', '\1…') AS after, line::json ->> 'unchanged' AS unchanged
  FROM pg_temp.peek('row_filters', 'publication_names', 'regress_rows_high', 'include_tables', 'row_filters.toasted') line;
-- the filter of the publication at the change, not of today
ALTER PUBLICATION regress_rows_insert SET TABLE t WHERE (id = 50);
INSERT INTO t VALUES (50, 1, 'then'), (51, 99, 'then');
ALTER PUBLICATION regress_rows_insert SET TABLE t;
INSERT INTO t VALUES (52, 1, 'after');
SELECT pg_temp.sent('regress_rows_insert');
-- in a policy: a row has to pass its publications and the client's
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, publication_names) VALUES ('row_filters', '{*.*}', '{regress_rows_high}');
SELECT pg_temp.sent('regress_rows_update');
SELECT pg_temp.sent('regress_rows_low');
-- for a snapshot: the rows that any of them has, whatever its operations
SELECT cdc_envelope.row_filter('t', '{"publication_names=regress_rows_high,regress_rows_delete"}'), cdc_envelope.row_filter('t', '{slot=row_filters,publication_names=regress_rows_low}');
SELECT cdc_envelope.row_filter('t', '{"publication_names=regress_rows_high,regress_rows_plain"}') IS NULL, cdc_envelope.row_filter('t') IS NULL,
       cdc_envelope.row_filter('whole', '{"publication_names=regress_rows_high,regress_rows_schema"}') IS NULL;
SELECT cdc_envelope.row_filter('leaf', '{publication_names=regress_rows_root}'), cdc_envelope.row_filter('leaf', '{"publication_names=regress_rows_leaf,regress_rows_root"}'),
       cdc_envelope.row_filter('leaf', '{publication_names=regress_rows_leaf}');
DELETE FROM cdc_envelope.slot_policy;
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'row_filters%';
SET client_min_messages = warning;
DO $$ BEGIN EXECUTE (SELECT 'DROP PUBLICATION ' || string_agg(pubname, ', ') FROM pg_publication WHERE pubname LIKE 'regress_rows%'); END $$;
DROP SCHEMA row_filters CASCADE;

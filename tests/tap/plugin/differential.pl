# The same WAL through three plugins: as many changes of each kind in each table as test_decoding and pgoutput see, under
# savepoints, COPY, ON CONFLICT, TRUNCATE, partitions, key updates, TOAST, DDL in the middle and every replica identity.
use strict;
use warnings;
use CdcTest;
use CdcTest::Slots;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster(autovacuum => 'off', max_prepared_transactions => 5, logical_decoding_work_mem => '64kB');
$node->safe_psql('shop', <<'SQL');
CREATE TABLE plain (id int PRIMARY KEY, a int, t text);
CREATE TABLE whole (id int, a int, t text);
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE by_index (id int, code text NOT NULL UNIQUE, t text);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code_key;
CREATE TABLE keyless (a int, t text);
CREATE TABLE nothing (id int PRIMARY KEY, a int);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE toasted (id int PRIMARY KEY, a int, t text);
ALTER TABLE toasted ALTER t SET STORAGE EXTERNAL;
CREATE TABLE parted (id int, a int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (500);
CREATE TABLE parted_high (a int, id int NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_high FOR VALUES FROM (500) TO (5000);
CREATE TABLE parent (id int PRIMARY KEY, a int);
CREATE TABLE child (b int, PRIMARY KEY (id)) INHERITS (parent);
CREATE TABLE "Quoted.name ""x""" (id int PRIMARY KEY, "a b" jsonb, c numeric[], d tstzrange);
CREATE PUBLICATION everything FOR ALL TABLES;
SQL
slot_create($node, 'shop', ours     => 'cdc_envelope');
slot_create($node, 'shop', peer     => 'test_decoding');
slot_create($node, 'shop', pgoutput => 'pgoutput');

# pgoutput allows no update or delete of a published table without an identity: the publication is without them then
$node->safe_psql('shop', "ALTER PUBLICATION everything SET (publish = 'insert, truncate')");
$node->safe_psql('shop', <<'SQL');
INSERT INTO plain SELECT g, g, 'row ' || g FROM generate_series(1, 1000) g;
INSERT INTO whole SELECT g % 50, g, 'row ' || g FROM generate_series(1, 300) g;
INSERT INTO by_index SELECT g, 'code ' || g, 'x' FROM generate_series(1, 200) g;
INSERT INTO keyless SELECT g, 'row ' || g FROM generate_series(1, 100) g;
INSERT INTO nothing SELECT g, g FROM generate_series(1, 100) g;
INSERT INTO toasted SELECT g, g, repeat(md5(g::text), 300) FROM generate_series(1, 50) g;
INSERT INTO parted SELECT g, g FROM generate_series(1, 1000) g;
INSERT INTO parent SELECT g, g FROM generate_series(1, 20) g;
INSERT INTO child SELECT g, g, g FROM generate_series(21, 40) g;
INSERT INTO "Quoted.name ""x""" SELECT g, jsonb_build_object('k', g), ARRAY[g, NULL, 1.5], tstzrange('2026-01-01Z', NULL) FROM generate_series(1, 30) g;
COPY plain FROM PROGRAM 'seq -f "%.0f	7	copied" 2001 2500';
BEGIN;
SAVEPOINT a;
UPDATE plain SET a = a + 1 WHERE id <= 100;
SAVEPOINT b;
DELETE FROM plain WHERE id <= 50;
ROLLBACK TO b;
DELETE FROM plain WHERE id BETWEEN 51 AND 60;
RELEASE a;
UPDATE plain SET id = id + 10000 WHERE id BETWEEN 61 AND 80;
COMMIT;
BEGIN; INSERT INTO plain SELECT g, 0, 'never' FROM generate_series(30001, 30100) g; ROLLBACK;
INSERT INTO plain SELECT g, 0, 'upsert' FROM generate_series(990, 1010) g ON CONFLICT (id) DO UPDATE SET a = excluded.a, t = excluded.t;
INSERT INTO plain SELECT g, 0, 'upsert' FROM generate_series(1005, 1015) g ON CONFLICT DO NOTHING;
UPDATE whole SET t = t || '!' WHERE id < 10;
DELETE FROM whole WHERE id = 11;
UPDATE by_index SET t = 'y' WHERE id <= 50;
UPDATE by_index SET code = code || '!' WHERE id <= 20;
DELETE FROM by_index WHERE id > 190;
UPDATE keyless SET a = a + 1 WHERE a <= 30;
DELETE FROM keyless WHERE a > 90;
UPDATE nothing SET a = a + 1 WHERE id <= 30;
DELETE FROM nothing WHERE id > 90;
UPDATE toasted SET a = a + 1;
UPDATE toasted SET t = repeat('n', 5000) WHERE id <= 10;
UPDATE toasted SET id = id + 100 WHERE id > 40;
UPDATE parted SET id = id + 1000 WHERE id < 50;
UPDATE parted SET a = 0 WHERE id BETWEEN 400 AND 600;
DELETE FROM parted WHERE id > 900;
UPDATE parent SET a = a + 1;
DELETE FROM parent WHERE id % 7 = 0;
UPDATE "Quoted.name ""x""" SET "a b" = 'null' WHERE id < 5;
BEGIN;
INSERT INTO plain VALUES (40001, 1, 'before');
ALTER TABLE plain ADD COLUMN more int DEFAULT 5;
UPDATE plain SET more = 6 WHERE id BETWEEN 200 AND 250;
ALTER TABLE plain ALTER a TYPE text;
DELETE FROM plain WHERE id BETWEEN 200 AND 210;
ALTER TABLE plain DROP COLUMN more;
UPDATE plain SET t = 'after' WHERE id BETWEEN 300 AND 310;
COMMIT;
BEGIN; INSERT INTO plain VALUES (50001, 'p', 'prepared'); UPDATE plain SET t = 'prepared' WHERE id = 500; PREPARE TRANSACTION 'g';
COMMIT PREPARED 'g';
DO $$ BEGIN FOR i IN 1 .. 200 LOOP BEGIN INSERT INTO plain VALUES (60000 + i, i, 's'); IF i % 3 = 0 THEN RAISE division_by_zero; END IF;
    EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$;
TRUNCATE nothing, keyless;
TRUNCATE parted;
TRUNCATE parent CASCADE;
CLUSTER plain USING plain_pkey;
VACUUM FULL toasted;
INSERT INTO toasted VALUES (1000, 1, repeat('z', 9000));
SELECT count(*) FROM pg_logical_emit_message(true, 'a prefix', 'content');
SQL
my $end = one_value($node, 'shop', 'SELECT pg_current_wal_insert_lsn()');
$node->safe_psql('shop', 'CHECKPOINT');

# pgoutput's messages by their first byte, and the relation that each one's OID stands for
my $rows = one_value($node, 'shop', <<"SQL");
WITH messages AS MATERIALIZED (
    SELECT data, chr(get_byte(data, 0)) AS kind
      FROM pg_logical_slot_peek_binary_changes('pgoutput', '$end', NULL, 'proto_version', '1', 'publication_names', 'everything')
), changes AS (
    SELECT kind, ('x' || encode(substr(data, 2, 4), 'hex'))::bit(32)::int::oid AS relid FROM messages WHERE kind IN ('I', 'U', 'D')
    UNION ALL
    SELECT kind, ('x' || encode(substr(data, 7 + 4 * n, 4), 'hex'))::bit(32)::int::oid
      FROM messages, generate_series(0, ('x' || encode(substr(data, 2, 4), 'hex'))::bit(32)::int - 1) n WHERE kind = 'T'
)
SELECT CASE kind WHEN 'I' THEN 'c' WHEN 'T' THEN 't' ELSE kind END, to_json(s.nspname || '.' || c.relname), count(*)
  FROM changes JOIN pg_class c ON c.oid = relid JOIN pg_namespace s ON s.oid = c.relnamespace GROUP BY kind, s.nspname, c.relname
SQL
my %pgoutput = map { my ($kind, $table, $count) = split /\|/, $_; ("$kind $table" => $count) } split /\n/, $rows;

my $peer = peer_counts($node, 'shop', 'peer', $end);
my $out  = "$ENV{TESTDIR}/differential.json";
my $read = slot_read($node, 'shop', 'ours', $end, $out, {}, batch_bytes => 65536);
is($read->{error}, '', 'decoded without an error');
my $counts = envelope_counts($out);
is($counts->{error}, '', 'every line is JSON in UTF-8, its fields and its seq in order');
my $is_parted = sub { my ($kind, $table) = @_; return $kind eq 't' && $table eq '"public.parted"' };
compare_counts($counts->{tables}, $peer, $is_parted);

my $ours = $counts->{tables};
my @differ = grep { ($ours->{$_} // 0) != ($pgoutput{$_} // 0) && !$is_parted->(split / /, $_, 2) }
  grep { /^[ct] / && !/cdc_envelope/ } sort keys %{ { %$ours, %pgoutput } };
is(join("\n", map { "$_: " . ($ours->{$_} // 0) . ', pgoutput: ' . ($pgoutput{$_} // 0) } @differ), '',
	'as many inserts and truncations of every table as pgoutput sees');
done_testing();

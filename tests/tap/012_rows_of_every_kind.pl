# What is hard for a projection, through the worker: unchanged TOAST, keys that change and swap, truncate, delete and
# insert again, JSON null, tables without a key, partitions, columns that are added, names that need quoting.
use strict;
use warnings;
use CdcTest;
use IPC::Run ();
use Test::More;

my $node = source_cluster();
$node->safe_psql('shop', <<'SQL');
CREATE TABLE doc (id int PRIMARY KEY, big text, n int, j jsonb);
ALTER TABLE doc ALTER big SET STORAGE EXTERNAL;
CREATE TABLE swap (id int PRIMARY KEY DEFERRABLE, name text, big text);
ALTER TABLE swap ALTER big SET STORAGE EXTERNAL, DROP CONSTRAINT swap_pkey, ADD PRIMARY KEY (id);
CREATE TABLE gone (id int PRIMARY KEY, v text);
CREATE TABLE plain (v text, n int);
ALTER TABLE plain REPLICA IDENTITY FULL;
CREATE SCHEMA "Odd Names";
CREATE TABLE "Odd Names"."Wei""rd;--" ("Id No" int PRIMARY KEY, "select" text, "a""b" text);
CREATE TABLE part (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE part_eu PARTITION OF part FOR VALUES IN ('eu');
CREATE TABLE part_us PARTITION OF part FOR VALUES IN ('us');
CREATE TABLE kinds (id uuid PRIMARY KEY, f float8, n numeric, b bytea, ts timestamptz, i interval, a int[], r int4range, c "char", e text);
INSERT INTO doc VALUES (1, repeat('x', 20000), 1, '{"a":1}'), (2, 'small', 2, 'null'), (3, NULL, 3, NULL);
INSERT INTO gone VALUES (1, 'one'), (2, 'two');
INSERT INTO "Odd Names"."Wei""rd;--" VALUES (1, 'se''lect', E'\\ "quoted"');
SQL
my $worker = CdcTest::Worker->new(
	name  => 'kinds',
	dsn   => dsn($node, 'shop'),
	sinks => [ postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'kinds'), 'streaming') or diag($worker->log);
my @tables = ('doc', 'swap', 'gone', 'plain', '"Odd Names"."Wei""rd;--"', 'part_eu', 'part_us', 'kinds');
is(one_value($node, 'projection', "SELECT count(*) FROM part_eu"), 0, 'a partition that has no rows has its table');

sub change_and_compare
{
	my ($name, $sql, @changed) = @_;
	$node->safe_psql('shop', $sql);
	return ok(0, "$name: arrives") && diag($worker->log) unless ok(wait_caught_up($node, 'kinds'), "$name: arrives");
	same_rows($node, $_) foreach @changed;
	return;
}

change_and_compare('unchanged TOAST', 'UPDATE doc SET n = n + 10', 'doc');
is(one_value($node, 'projection', 'SELECT length(big) FROM doc WHERE id = 1'), 20000, 'the long value is still there');
change_and_compare('changed TOAST', "UPDATE doc SET big = repeat('y', 30000) WHERE id = 1", 'doc');
change_and_compare('JSON null and SQL NULL', q{UPDATE doc SET j = 'null' WHERE id = 3; UPDATE doc SET j = NULL WHERE id = 2}, 'doc');
change_and_compare('inserts', q{INSERT INTO swap SELECT n, 'row ' || n, repeat(n::text, 10000) FROM generate_series(1, 5) n}, 'swap');
change_and_compare('a key that changes keeps its unchanged TOAST', 'UPDATE swap SET id = 50 WHERE id = 5', 'swap');
is(one_value($node, 'projection', 'SELECT count(*) FROM swap WHERE id = 5 AND NOT _deleted'), 0, 'the old key is gone');
change_and_compare('keys that change places in one transaction',
	'BEGIN; UPDATE swap SET id = -1 WHERE id = 1; UPDATE swap SET id = 1 WHERE id = 2; UPDATE swap SET id = 2 WHERE id = -1; COMMIT', 'swap');
change_and_compare('a row changed many times in one transaction',
	q{BEGIN; INSERT INTO gone VALUES (9, 'a'); UPDATE gone SET v = 'b' WHERE id = 9; DELETE FROM gone WHERE id = 9;
	  INSERT INTO gone VALUES (9, 'c'); UPDATE gone SET v = 'd' WHERE id = 9; COMMIT}, 'gone');
change_and_compare('delete', 'DELETE FROM gone WHERE id = 1', 'gone');
is(one_value($node, 'projection', 'SELECT _deleted FROM gone WHERE id = 1'), 't', 'a delete leaves a tombstone');
change_and_compare('insert after delete', q{INSERT INTO gone VALUES (1, 'again')}, 'gone');
change_and_compare('a savepoint that is rolled back',
	q{BEGIN; INSERT INTO gone VALUES (20, 'x'); SAVEPOINT s; INSERT INTO gone VALUES (21, 'y'); ROLLBACK TO s; COMMIT}, 'gone');
change_and_compare('truncate', q{TRUNCATE gone; INSERT INTO gone VALUES (3, 'after')}, 'gone');
change_and_compare('a table without a key', q{INSERT INTO plain VALUES ('a', 1), ('a', 1), ('b', NULL); UPDATE plain SET n = 2 WHERE v = 'b'}, 'plain');
change_and_compare('quoted names', q{UPDATE "Odd Names"."Wei""rd;--" SET "select" = '$1; DROP TABLE x' WHERE "Id No" = 1;
	INSERT INTO "Odd Names"."Wei""rd;--" VALUES (2, NULL, '''')}, $tables[4]);
change_and_compare('partitions, and a row that changes its partition',
	q{INSERT INTO part VALUES (1, 'eu', 'a'), (2, 'us', 'b'); UPDATE part SET region = 'us' WHERE id = 1}, 'part_eu', 'part_us');
my $numeric = $node->pg_version >= 14 ? 'Infinity' : 'NaN';
change_and_compare('values', qq{INSERT INTO kinds VALUES ('00000000-0000-0000-0000-000000000001', 'NaN', '$numeric', '\\x00ff', 'infinity',
	'1 mon -2 days 00:00:01.5', '{{1,2},{3,NULL}}', '[1,5)', 'x', E'a\\tb\\\\c'), ('00000000-0000-0000-0000-000000000002', 1e-300, 1.10, '', '0044-03-15 00:00 BC',
	'-1 year', '[5:6]={7,8}', 'empty', NULL, '')}, 'kinds');
change_and_compare('a column that is added',
	q{ALTER TABLE gone ADD extra int DEFAULT 7; INSERT INTO gone VALUES (30, 'new', 8); UPDATE gone SET v = 'touched'}, 'gone');
is(one_value($node, 'projection', 'SELECT max(_schema_version) FROM gone'), 2, 'the rows say which definition they are of');
change_and_compare('a table made while streaming', q{CREATE TABLE late (id int PRIMARY KEY, v text); INSERT INTO late VALUES (1, 'x')}, 'late');
change_and_compare('a table without rows, whose type changes before the first one',
	q{CREATE TABLE "new" (id int PRIMARY KEY, v int); CREATE TABLE root (id int) PARTITION BY LIST (id); ALTER TABLE "new" ALTER v TYPE text}, '"new"');
is(one_value($node, 'projection', "SELECT to_regclass('root') IS NULL"), 't', 'but not one that is partitioned: its rows are elsewhere');
change_and_compare('a partition that has no rows', q{CREATE TABLE part_none PARTITION OF part FOR VALUES IN ('none')}, 'part_none');
change_and_compare('its first row', q{INSERT INTO "new" VALUES (1, 'x')}, '"new"');

# A transaction is decoded when its commit is on disk, and other sessions may see it much later.
$node->safe_psql('shop', 'CREATE TABLE unseen (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region)');
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'\n");
$node->reload;
my $waiting = IPC::Run::start(
	[   'psql', '-XAtq', '-d', dsn($node, 'shop'), '-c',
		"BEGIN; CREATE TABLE unseen_eu PARTITION OF unseen FOR VALUES IN ('eu'); INSERT INTO unseen VALUES (1, 'eu'); COMMIT" ],
	'>', \my $output, '2>&1');
ok(wait_until(sub { arrived($node, 'unseen_eu') }), 'a new table whose transaction waits for a standby has its row') or diag($worker->log);
is(one_value($node, 'shop', "SELECT to_regclass('unseen_eu') IS NULL"), 't', 'which at the source nobody sees yet');
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$node->reload;
IPC::Run::finish($waiting);
is($output, '', 'it has waited for no more than that');
same_rows($node, $_) foreach @tables;
is($worker->stop, 0, 'a clean stop');
done_testing();

# Ten thousand tables: CREATE EXTENSION, and DDL that changes the definition of every one of them, work with the default
# size of the lock table, and take seconds.
use strict;
use warnings;
use CdcTest;
use Test::More;
use Time::HiRes qw(time);

my $tables  = 10_000;
my $seconds = 60;         # on a machine that does other work too; alone it is 2
my $node    = source_cluster(extension => 0);
is(one_value($node, 'shop', 'SHOW max_locks_per_transaction'), '64', 'the lock table has its default size');
$node->safe_psql('shop', 'CREATE TYPE mood AS ENUM (\'sad\')');
# many transactions: one would be too much for the lock table
$node->safe_psql('shop',
	"SELECT format('CREATE TABLE t%s (id int PRIMARY KEY, a text, m mood)', n) FROM generate_series(1, $tables) n \\gexec");
$node->safe_psql('shop', 'CHECKPOINT');

# timed STATEMENT, NAME: runs it, and says how long it took.
sub timed
{
	my ($statement, $name) = @_;
	my $begin = time;
	$node->safe_psql('shop', $statement);
	my $took = time - $begin;
	cmp_ok($took, '<', $seconds, sprintf('%s: %.1f s', $name, $took));
}

sub recorded
{
	return one_value($node, 'shop', "SELECT count(*) FROM cdc_envelope.schema_history h WHERE table_name ~ '^t[0-9]'
		AND version = $_[0] AND definition = cdc_envelope.table_definition(relation)");
}

timed('CREATE EXTENSION cdc_envelope', 'CREATE EXTENSION');
is(recorded(1), $tables, 'every table has its version 1');
timed('ALTER TYPE mood RENAME TO temper', 'a type that all of them use gets a name');
is(recorded(2), $tables, 'every table has its version 2');
timed('SELECT cdc_envelope.record_all()', 'record_all() with nothing to do');
is(one_value($node, 'shop', 'SELECT max(version) FROM cdc_envelope.schema_history'), '2', 'and did nothing');

# One of each, among so many.
timed($_, $_) foreach 'CREATE TABLE one (id int PRIMARY KEY)', 'ALTER TABLE one ADD n int', 'CREATE INDEX one_n ON one (n)',
  'DROP INDEX one_n', 'DROP TABLE one';
is( one_value($node, 'shop', "SELECT string_agg(version || ' ' || tag, ', ' ORDER BY version) FROM cdc_envelope.schema_history WHERE table_name = 'one'"),
	'1 CREATE TABLE, 2 ALTER TABLE, 3 DROP TABLE', 'single commands have their versions');

$node->safe_psql('shop', "SELECT pg_create_logical_replication_slot('s', 'cdc_envelope')");
timed('ALTER SCHEMA public RENAME TO elsewhere', 'their schema gets a name');
$node->safe_psql('shop', 'INSERT INTO elsewhere.t7 VALUES (1)');
is( one_value($node, 'shop', "SELECT string_agg(DISTINCT concat_ws(' ', op, after), ', ') || ' ' || count(*) FROM (
		SELECT e ->> 'op_type' AS op, (e ->> 'after' IS NULL)::text AS after
		FROM (SELECT data::json AS e FROM pg_logical_slot_get_changes('s', NULL, NULL)) d) s"),
	'c false, s false, s true ' . (2 * $tables + 1), 'each has left its old name, and has a new one');
done_testing();

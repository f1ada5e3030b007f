# The history of definitions goes where the tables go: through pg_dump in every form, and through pg_upgrade. Rows carry
# the versions they carried before, no version is added on the way, and the next DDL goes on counting.
use strict;
use warnings;
use CdcTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster();
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';

# A unique constraint that is restored before the primary key, an index as identity, names that were another table's,
# partitions, a definition that went round the event triggers.
$node->safe_psql('shop', $_) foreach (
	'CREATE TYPE mood AS ENUM (\'sad\')',
	'CREATE TABLE item (id int PRIMARY KEY, a int NOT NULL, m mood, CONSTRAINT item_a UNIQUE (a))',
	'ALTER TABLE item ADD b text DEFAULT \'b\'', 'CREATE INDEX an_index ON item (b)',
	'CREATE TABLE keyless (n int)', 'ALTER TABLE keyless ADD m int', 'ALTER TABLE keyless DROP m',
	'CREATE TABLE by_index (id int NOT NULL, n int NOT NULL)', 'CREATE UNIQUE INDEX by_n ON by_index (n)',
	'ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_n', 'CREATE TABLE whole (id int PRIMARY KEY)',
	'ALTER TABLE whole REPLICA IDENTITY FULL', 'CREATE TABLE was (id int PRIMARY KEY)',
	'ALTER TABLE was RENAME TO is_now', 'CREATE TABLE was (id int PRIMARY KEY, other int REFERENCES item)',
	'CREATE TABLE gone (id int)', 'DROP TABLE gone',
	'CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id)',
	'CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10)', 'ALTER TABLE part ADD n int',
	'CREATE SCHEMA "Other one"', 'CREATE TABLE "Other one"."T x" (id int PRIMARY KEY)',
	'CREATE TABLE bypassed (id int PRIMARY KEY)',
	'SET session_replication_role = replica; ALTER TABLE bypassed ADD n int');

my $history = 'SELECT schema_name, table_name, version, fingerprint, md5(definition), md5(previous), tag FROM cdc_envelope.schema_history ORDER BY 1, 2, 3';

# Table, op and version (or fingerprint) of what a slot sees when every table gets a row.
sub rows_written
{
	my ($cluster, $database) = @_;
	$cluster->safe_psql($database, "SELECT pg_create_logical_replication_slot('probe', 'cdc_envelope')");
	$cluster->safe_psql($database,
		"INSERT INTO $_") foreach ('item VALUES (1, 1)', 'keyless VALUES (1)', 'by_index VALUES (1, 1)',
		'whole VALUES (1)', 'is_now VALUES (1)', 'was VALUES (1)', 'part VALUES (1)', '"Other one"."T x" VALUES (1)',
		'bypassed VALUES (1, 1)');
	my $seen = $cluster->safe_psql($database,
		"SELECT string_agg(concat_ws(' ', e ->> 'table', e ->> 'op_type', e ->> 'schema_version', e ->> 'fingerprint'), E'\\n')
		 FROM (SELECT data::json AS e FROM pg_logical_slot_get_changes('probe', NULL, NULL)) s");
	$cluster->safe_psql($database, "SELECT pg_drop_replication_slot('probe')");
	$cluster->safe_psql($database, 'TRUNCATE item, keyless, by_index, whole, is_now, was, part, "Other one"."T x", bypassed');
	return $seen;
}

# What two DDLs add: a table that is renamed, and one that is changed.
sub next_versions
{
	my ($cluster, $database) = @_;
	$cluster->safe_psql($database, 'ALTER TABLE by_index RENAME TO renamed; ALTER TABLE item ADD next int; DROP TABLE whole');
	return $cluster->safe_psql($database, "SELECT table_name, version, definition IS NULL, previous IS NULL FROM cdc_envelope.schema_history
		WHERE table_name IN ('by_index', 'renamed', 'item', 'whole') ORDER BY 1, 2");
}

my $recorded = $node->safe_psql('shop', $history);
my $written  = rows_written($node, 'shop');
like($written, qr/^item c 2$/m, 'the source has versions');
like($written, qr/^bypassed c 0 sha256/m, 'and a definition that was not recorded');

my %way = (
	'a script' => sub { ([ 'pg_dump', '-f', $dump ], [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump ]) },
	'a script with INSERTs' =>
	  sub { ([ 'pg_dump', '--inserts', '-f', $dump ], [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump ]) },
	'an archive' => sub { ([ 'pg_dump', '-Fc', '-f', $dump ], [ 'pg_restore', '-e', '-d', 'copy', $dump ]) },
	'an archive, in one transaction' =>
	  sub { ([ 'pg_dump', '-Fc', '-f', $dump ], [ 'pg_restore', '-e', '-1', '-d', 'copy', $dump ]) },
	'an archive, by several jobs' =>
	  sub { ([ 'pg_dump', '-Fc', '-f', $dump ], [ 'pg_restore', '-e', '-j', '3', '-d', 'copy', $dump ]) },
	'an archive, in sections' => sub {
		([ 'pg_dump', '-Fc', '-f', $dump ],
			map { [ 'pg_restore', '-e', "--section=$_", '-d', 'copy', $dump ] } qw(pre-data data post-data));
	});

$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
my $continued;
foreach my $name (sort keys %way)
{
	$node->safe_psql('postgres', 'CREATE DATABASE copy');
	my ($take, @restore) = $way{$name}->();
	system_or_bail(@$take, 'shop');
	local $ENV{PGDATABASE} = 'copy';
	command_ok($_, "$name: " . join(' ', @$_[ 0 .. 2 ])) foreach @restore;
	is($node->safe_psql('copy', $history), $recorded, "$name: the history is what it was");
	is(rows_written($node, 'copy'), $written, "$name: rows carry the same versions");
	$continued->{$name} = next_versions($node, 'copy');
	$node->safe_psql('postgres', 'DROP DATABASE copy');
}

# Tables made by hand (migrations), data alone from the dump.
$node->safe_psql('postgres', 'CREATE DATABASE copy');
system_or_bail('pg_dump', '-Fc', '-f', $dump, 'shop');
{
	local $ENV{PGDATABASE} = 'copy';
	system_or_bail('pg_dump', '--schema-only', '-f', "$dump.sql", 'shop');
	system_or_bail('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql");
	isnt($node->safe_psql('copy', $history), $recorded, 'data alone: the tables have a history of their own');
	command_ok([ 'pg_restore', '-e', '--data-only', '-d', 'copy', $dump ], 'data alone: restored');
}
is($node->safe_psql('copy', $history), $recorded, 'data alone: and then that of the dump');
is(rows_written($node, 'copy'), $written, 'data alone: rows carry the same versions');
$node->safe_psql('postgres', 'DROP DATABASE copy');

# pg_upgrade, of the whole cluster.
$node->stop;
my $new = PostgreSQL::Test::Cluster->new('upgraded');
$new->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$new->append_conf('postgresql.conf', "output_plugin_libraries = 'pgoutput, test_decoding, cdc_envelope'\n")
  if CdcTest::server_checks_plugins();
my $bin = $node->config_data('--bindir');
delete @ENV{qw(PGHOST PGPORT)};
chdir PostgreSQL::Test::Utils::tempdir();
command_ok(
	[
		'pg_upgrade', ($node->pg_version >= 15 ? '--no-sync' : ()), '-d', $node->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin, '-s', $new->host,
		'-p', $node->port, '-P', $new->port
	],
	'pg_upgrade');
$new->start;
is($new->safe_psql('shop', $history), $recorded, 'upgraded: the history is what it was');
is( $new->safe_psql('shop', "SELECT reloptions FROM pg_class WHERE oid = 'cdc_envelope.schema_history'::regclass"),
	'{user_catalog_table=true}',
	'upgraded: and is a user catalog table');
is( $new->safe_psql('shop', 'SELECT count(*) FROM cdc_envelope.schema_history h WHERE relation <> 0 AND definition IS NOT NULL
		AND version = (SELECT max(version) FROM cdc_envelope.schema_history l WHERE l.table_name = h.table_name AND l.schema_name = h.schema_name)
		AND relation = to_regclass(format(\'%I.%I\', schema_name, table_name))'),
	'10', 'upgraded: its OIDs are those of the tables');
is(rows_written($new, 'shop'), $written, 'upgraded: rows carry the same versions');
my $expected = next_versions($new, 'shop');
like($expected, qr/^renamed\|3\|f\|f$/m, 'upgraded: the next DDL goes on counting');
is($continued->{$_}, $expected, "$_: the next DDL goes on counting") foreach sort keys %$continued;
$new->stop;
done_testing();

# PostgreSQL's own regression suite, decoded: no error, as many changes of each kind and table as test_decoding sees, every
# line valid JSON, and the same bytes on a second reading under other settings. The suite's own results are not compared:
# the extension's event triggers show in some of them.
# REGRESSION_TESTS="boolean char …" runs these instead of the parallel schedule.
use strict;
use warnings;
use CdcTest;
use CdcTest::Slots;
use File::Basename;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = $ENV{POSTGRES_SOURCE};
plan skip_all => $ENV{POSTGRES_SOURCE_SKIP} // 'PostgreSQL\'s source is not here: .ci/check regression-suite fetches it'
  unless $source;

my $node = source_cluster(
	extension                 => 0,
	max_connections           => 60,
	max_prepared_transactions => 20,
	max_locks_per_transaction => 256,
	log_min_messages          => 'fatal');
$node->safe_psql('postgres', 'CREATE DATABASE regression TEMPLATE template0');
# what pg_regress gives a database that it makes itself (pg_regress.c, create_database)
$node->safe_psql('postgres', "ALTER DATABASE regression SET $_")
  foreach "lc_messages = 'C'", "lc_monetary = 'C'", "lc_numeric = 'C'", "lc_time = 'C'", "bytea_output = 'hex'",
  "timezone_abbreviations = 'Default'";
$node->safe_psql('regression', 'CREATE EXTENSION cdc_envelope') unless $ENV{REGRESSION_WITHOUT_EXTENSION};
# which names were those of materialized views and of partitioned tables, as both are gone when we look
$node->safe_psql('regression', <<'SQL');
CREATE SCHEMA cdc_test;
CREATE TABLE cdc_test.kinds (kind "char", name text);
CREATE FUNCTION cdc_test.record_kind() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO cdc_test.kinds
    SELECT r.relkind, n.nspname || '.' || r.relname
      FROM pg_event_trigger_ddl_commands() c
      JOIN pg_class r ON c.classid = 'pg_class'::regclass AND c.objid = r.oid
      JOIN pg_namespace n ON n.oid = r.relnamespace
     WHERE r.relkind IN ('m', 'p') AND r.relpersistence <> 't';
END $$;
CREATE EVENT TRIGGER cdc_test_kinds ON ddl_command_end EXECUTE FUNCTION cdc_test.record_kind();
SQL
slot_create($node, 'regression', peer => 'test_decoding');
slot_create($node, 'regression', one  => 'cdc_envelope');

my $out = "$ENV{TESTDIR}/regression_suite";
mkdir $out;
my @tests = split ' ', $ENV{REGRESSION_TESTS} // '';
my ($report, $complaint) = run_command(
	[   $ENV{PG_REGRESS}, '--bindir=', "--inputdir=$source/regress", "--outputdir=$out", "--dlpath=$source/lib",
		'--host=' . $node->host, '--port=' . $node->port, '--use-existing', '--dbname=regression',
		'--max-concurrent-tests=20',
		@tests ? ('test_setup', @tests) : ("--schedule=$source/regress/parallel_schedule") ]);
my @ran    = $report =~ /^(?:test |\s{5})(\S+)\s+\.\.\. (?:ok|FAILED)/mg;
my @failed = $report =~ /^(?:test |\s{5})(\S+)\s+\.\.\. FAILED/mg;
note sprintf '%d tests ran, with other results than the server\'s own: %s', scalar @ran, join ' ', @failed;
cmp_ok(scalar @ran, '>', @tests ? scalar @tests : 150, 'the suite ran') or diag("$report\n$complaint");
my $end = one_value($node, 'regression', 'SELECT pg_current_wal_insert_lsn()');
$node->safe_psql('regression', 'CHECKPOINT');

my $peer   = peer_counts($node, 'regression', 'peer', $end);
my @slots  = map { slot_copy($node, 'regression', 'one', $_) } qw(two three);
my $first  = slot_read($node, 'regression', 'one', $end, "$out/first.json", {});
my $second = slot_read($node, 'regression', 'two', $end, "$out/second.json",
	{ DateStyle => 'German', IntervalStyle => 'sql_standard', TimeZone => 'Asia/Kathmandu', extra_float_digits => 0,
		bytea_output => 'escape', lc_monetary => 'C', search_path => 'pg_catalog', quote_all_identifiers => 'on',
		logical_decoding_work_mem => '64kB' });
# EXPLAIN ANALYZE CREATE TABLE … AS runs no event trigger: its tables are told as unrecorded, with a warning.
foreach my $reading ([ $first, 'decoded without an error' ], [ $second, '… and again' ])
{
	my $error = $reading->[0]{error};
	$error =~ s/^WARNING:  definition of table \S+ is not in cdc_envelope\.schema_history\nDETAIL: .*\nHINT: .*\n//mg;
	is($error, '', $reading->[1]);
}
cmp_ok(-s "$out/first.json", '>', 1000, 'there is something to compare');
ok(same_file("$out/first.json", "$out/second.json"), 'the second reading has the same bytes');

my $counts = envelope_counts("$out/first.json");
is($counts->{error}, '', 'every line is JSON in UTF-8, its fields and its seq in order');

# A materialized view's rows are other tables' rows (PostgreSQL's own publications have none either); a partitioned table has
# no rows, and is emptied by emptying its partitions, which say so.
my %kinds;
push @{ $kinds{$_->[1]} }, $_->[0]
  foreach map { [ split /\|/, $_ ] } split /\n/, one_value($node, 'regression', 'SELECT kind, to_json(name) FROM cdc_test.kinds GROUP BY kind, name');
compare_counts(
	$counts->{tables},
	$peer,
	sub {
		my ($kind, $table) = @_;
		return grep { $_ eq 'm' || ($_ eq 'p' && $kind eq 't') } @{ $kinds{$table} // [] };
	});
done_testing();

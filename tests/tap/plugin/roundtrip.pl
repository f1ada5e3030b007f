# Random tables of random types under random changes: their events, replayed with json_populate_record, rebuild every table
# to the last bit, and encode() writes a row's image as the stream did.
#   ROUNDTRIP_TABLES   how many tables (200)
#   ROUNDTRIP_SEED     a number, to see the same again, or "random"
use strict;
use warnings;
use CdcTest;
use CdcTest::RandomTables;
use CdcTest::RandomTypes;
use Cwd 'abs_path';
use File::Basename;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster(autovacuum => 'off');
types_of_server($node);
my $count = $ENV{ROUNDTRIP_TABLES} // 200;
my $seed  = $ENV{ROUNDTRIP_SEED}   // 20260207;
$seed = int rand 2**31 if $seed eq 'random';
srand $seed;
diag("ROUNDTRIP_SEED=$seed ROUNDTRIP_TABLES=$count");

my ($make_types, @types) = make_types(60);
my @tables = map { random_table($_, $ENV{TESTDIR}, \@types) } 1 .. $count;
my $session = sub { "SET timezone = 'UTC'; SET datestyle = 'ISO'; SELECT setseed($_[0]);\n" };

$node->safe_psql('shop', random_sql() . 'CREATE SCHEMA other; CREATE SCHEMA "o"".%t";' . $make_types);
one_value($node, 'shop', "SELECT pg_create_logical_replication_slot('s', 'cdc_envelope')");
foreach my $table (@tables)
{
	my $number = sprintf '0.%06d', int rand 1e6;
	my ($code, $output, $error) =
	  $node->psql('shop', $session->($number) . $table->{create} . $table->{changes}, on_error_stop => 1);
	next if $code == 0;
	fail("table $table->{name} and its changes");
	diag("$error\n$table->{create}$table->{changes}");
}

my $replay = slurp_file(abs_path(dirname(__FILE__) . '/../lib/CdcTest/replay.sql'));
$node->safe_psql('shop', <<"SQL");
$replay
CREATE TABLE rt.events AS
SELECT row_number() OVER () AS number, data::json AS event
  FROM pg_logical_slot_peek_changes('s', NULL, NULL, 'cluster', 'c', 'projection', 'p', 'ddl', 'off') data
 WHERE data::json ->> 'schema' NOT IN ('rt', 'pg_catalog');
CREATE INDEX ON rt.events ((event ->> 'schema'), (event ->> 'table'));
ANALYZE rt.events;
SQL
note one_value($node, 'shop', "SELECT string_agg(op || ' ' || n, ', ' ORDER BY op) FROM (SELECT event ->> 'op_type' op, count(*) n FROM rt.events GROUP BY 1) o");
foreach my $table (@tables)
{
	my ($schema, $name) = map { (my $text = $_) =~ s/'/''/g; "'$text'" } @$table{qw(schema table)};
	my $binary = $table->{acl} ? '0' : "rt.differences($schema, $name, 'record_send')";
	my $encode = $table->{altered} ? '0' : "rt.encoded_otherwise($schema, $name)";
	my ($code, $output, $error) = $node->psql('shop', <<"SQL", on_error_stop => 1);
SET timezone = 'UTC';
SET client_min_messages = 'warning';
SELECT FROM rt.make_copy($schema, $name);
SELECT FROM (SELECT rt.replay(event) FROM rt.events WHERE event ->> 'schema' = $schema AND event ->> 'table' = $name ORDER BY number OFFSET 0) r;
SELECT rt.differences($schema, $name, 'concat'), $binary, $encode;
SQL
	is("$error$output", '0|0|0', "$table->{name} ($table->{identity}) is rebuilt")
	  or diag("$table->{create}$table->{changes}", substr one_value($node, 'shop', "SELECT rt.differing_rows($schema, $name)"), 0, 20000);
}
done_testing();

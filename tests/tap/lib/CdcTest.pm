# What the tests of the whole way share: a source cluster with the plugin allowed, waiting until a slot has caught up,
# and comparing the source with a projection row by row. On PostgreSQL's own test modules (PostgreSQL::Test::Cluster),
# which find the server in PATH and stop it at the end of the test.
package CdcTest;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CdcTest::Worker;

our @EXPORT = qw(source_cluster dsn kafka_sink postgres_sink wait_caught_up wait_until same_rows one_value
  arrived wait_slot_active projection_node lsn_plus end_sessions);

# The database that is captured, and the one that its projection is kept in: in another cluster, so that what the
# projection writes is not in the source's WAL.
our $source     = 'shop';
our $projection = 'projection';
my %projection_node;

# Whatever the environment's locale is.
my @encoding = ('--encoding=UTF8', '--locale=C.UTF-8');

# A running cluster with the database shop (extension created). extension => 0 leaves the extension out, node names the
# cluster where a test has several; further pairs are configuration settings.
sub source_cluster
{
	my (%settings) = @_;
	my $extension = delete $settings{extension} // 1;
	my $node      = PostgreSQL::Test::Cluster->new(delete $settings{node} // 'source');
	$node->init(allows_streaming => 'logical', extra => [@encoding]);
	%settings = (
		max_replication_slots => 20,
		max_wal_senders       => 20,
		cluster_name          => 'test',
		log_statement         => 'none',
		%settings);
	$node->append_conf('postgresql.conf', "$_ = '$settings{$_}'\n") foreach sort keys %settings;
	$node->append_conf('postgresql.conf',
		"output_plugin_libraries = 'pgoutput, test_decoding, cdc_envelope'\n")
	  if server_checks_plugins();
	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $source");
	$node->safe_psql($source, 'CREATE EXTENSION cdc_envelope') if $extension;
	return $node;
}

# The cluster with the projection of a source, made when it is first asked for.
sub projection_node
{
	my ($node) = @_;
	my $target = $projection_node{ $node->name };
	return $target if $target;
	$target = $projection_node{ $node->name } = PostgreSQL::Test::Cluster->new($node->name . '_projection');
	$target->init(extra => [@encoding]);
	$target->start;
	$target->safe_psql('postgres', "CREATE DATABASE $projection");
	return $target;
}

# The cluster that a database is in.
sub node_of
{
	my ($node, $database) = @_;
	return $database eq $projection ? projection_node($node) : $node;
}

# Since the minors of August 2026 a server refuses output plugins that output_plugin_libraries does not name; an older
# one refuses to start over the setting.
sub server_checks_plugins
{
	my ($settings, $error) = run_command([ 'postgres', '--describe-config' ]);
	return $settings =~ /^output_plugin_libraries\t/m;
}

sub dsn
{
	my ($node, $database) = @_;
	my $server = node_of($node, $database);
	return sprintf("host=%s port=%s user=%s dbname=%s", $server->host, $server->port, scalar getpwuid($<), $database);
}

# Sinks as they stand in the configuration file.
sub kafka_sink { my (%more) = @_; return { kafka => { embedded => \1, %more } } }

sub postgres_sink
{
	my ($node, %more) = @_;
	return { postgres => { dsn => dsn($node, $projection), %more } };
}

# What a query, or several commands, give in a database of the source or the projection.
sub one_value
{
	my ($node, $database, $query) = @_;
	return node_of($node, $database)->safe_psql($database, $query);
}

# A position so many bytes further on. PostgreSQL 13 cannot say.
sub lsn_plus
{
	my ($lsn, $bytes) = @_;
	my ($high, $low) = map { hex } split m{/}, $lsn;
	my $sum = ($high << 32) + $low + $bytes;
	return sprintf '%X/%X', $sum >> 32, $sum & 0xFFFFFFFF;
}

# Polls until $check->() is true; false after $seconds.
sub wait_until
{
	my ($check, $seconds) = @_;
	my $deadline = time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);
	while (1)
	{
		my $result = $check->();
		return $result if $result;
		return 0 if time() > $deadline;
		select(undef, undef, undef, 0.05);
	}
}

# Ends the sessions whose process IDs a query gives: true where there were any and all of them are gone. (Only from 14 on
# does pg_terminate_backend wait by itself.)
sub end_sessions
{
	my ($node, $database, $query) = @_;
	my $pids = join ',', split /\n/, one_value($node, $database, $query);
	return 0 if $pids eq '';
	one_value($node, $database, "SELECT pg_terminate_backend(pid) FROM unnest('{$pids}'::int[]) pid");
	return wait_until(sub { one_value($node, $database, "SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pids)") eq '0' });
}

sub wait_slot_active
{
	my ($node, $slot) = @_;
	return $node->poll_query_until('postgres',
		"SELECT active AND NOT temporary FROM pg_replication_slots WHERE slot_name = '$slot'");
}

# Waits until everything committed so far is durable in every sink of $slot: its confirmed position passes the end of
# the WAL as it is now.
sub wait_caught_up
{
	my ($node, $slot) = @_;
	my $end = one_value($node, 'postgres', 'SELECT pg_current_wal_lsn()');
	return $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_replication_slots WHERE slot_name = '$slot' AND NOT temporary"
		  . " AND confirmed_flush_lsn >= '$end'");
}

# One passed or failed test: the table's live rows in the projection are the source's, value by value.
sub same_rows
{
	my ($node, $table) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $columns = one_value($node, $source,
		"SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
		  . " WHERE attrelid = '$table'::regclass AND attnum > 0 AND NOT attisdropped");
	my ($here, $there) = map {
		my ($database, $where) = @$_;
		one_value($node, $database, "SELECT $columns FROM $table $where ORDER BY ROW($columns)::text COLLATE \"C\"");
	} ([ $source, '' ], [ $projection, 'WHERE NOT _deleted' ]);
	my $rows = ($here =~ tr/\n//) + (length $here ? 1 : 0);
	return pass("projection of $table equals the source ($rows rows)") if $here eq $there;
	my @here  = split /\n/, $here;
	my %there = map { $_ => 1 } split /\n/, $there;
	my %here  = map { $_ => 1 } @here;
	my @lost  = grep { !$there{$_} } @here;
	my @extra = grep { !$here{$_} } sort keys %there;
	fail("projection of $table equals the source ($rows rows)");
	diag(scalar(@lost) . " rows only in the source: ", join("\n", @lost[ 0 .. ($#lost < 4 ? $#lost : 4) ]));
	diag(scalar(@extra) . " rows only in the projection: ",
		join("\n", @extra[ 0 .. ($#extra < 4 ? $#extra : 4) ]));
	return 0;
}

# How many rows of a table are in the projection by now: none, as long as its table has not been made.
sub arrived
{
	my ($node, $table) = @_;
	my ($code, $rows) = projection_node($node)->psql($projection, "SELECT count(*) FROM $table");
	return $code == 0 ? $rows : 0;
}

1;

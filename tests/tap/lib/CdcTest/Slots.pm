# Reading slots to files by pg_recvlogical, and counting what is in them beside test_decoding, for the tests that compare
# whole readings.
package CdcTest::Slots;

use strict;
use warnings;
use Cwd 'abs_path';
use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Utils;
use Test::More;
use CdcTest;

our @EXPORT = qw(slot_create slot_copy slot_read same_file peer_counts envelope_counts compare_counts);

my $reader = abs_path(dirname(__FILE__) . '/../../plugin/envelopes.py');

sub slot_create
{
	my ($node, $database, $slot, $plugin) = @_;
	return $node->safe_psql($database, "SELECT pg_create_logical_replication_slot('$slot', '$plugin')");
}

# Another slot that is where this one is.
sub slot_copy
{
	my ($node, $database, $slot, $copy) = @_;
	$node->safe_psql($database, "SELECT pg_copy_logical_replication_slot('$slot', '$copy')");
	return $copy;
}

# Reads a slot of ours up to $end into a file, under settings that the client brings along, and confirms it. %options: the
# plugin's. Returns { error } as pg_recvlogical tells it.
sub slot_read
{
	my ($node, $database, $slot, $end, $file, $settings, %options) = @_;
	%options = (cluster => 'c', projection => 'p', %options);
	local $ENV{PGOPTIONS} = join ' ',
	  map { (my $value = $settings->{$_}) =~ s/ /\\ /g; "-c $_=$value" } sort keys %$settings;
	my ($output, $error) = run_command(
		[   'pg_recvlogical', '-d', dsn($node, $database), '-S', $slot, '--start', '-f', $file, '--fsync-interval=0',
			'--endpos', $end, '--no-loop', map { ('-o', "$_=$options{$_}") } sort keys %options ]);
	return { error => $error };
}

sub same_file
{
	my ($one, $other) = @_;
	return system('cmp', $one, $other) == 0;
}

# What test_decoding sees, without reading on: { "c public.orders" => 3, … }. A TRUNCATE of several tables counts for each.
sub peer_counts
{
	my ($node, $database, $slot, $end) = @_;
	my $rows = one_value($node, $database, <<"SQL");
WITH changes AS MATERIALIZED (
    SELECT regexp_match(data, '^table (.*?): (INSERT|UPDATE|DELETE|TRUNCATE):( |\$)') AS head
      FROM pg_logical_slot_peek_changes('$slot', '$end', NULL, 'skip-empty-xacts', '1', 'include-xids', '0')
), named AS (
    SELECT head[2] AS change, array_to_string(parse_ident(name), '.') AS name
      FROM changes, regexp_split_to_table(head[1], ', ') name WHERE head IS NOT NULL
)
SELECT CASE change WHEN 'INSERT' THEN 'c' WHEN 'UPDATE' THEN 'u' WHEN 'DELETE' THEN 'd' ELSE 't' END, to_json(name), count(*)
  FROM named GROUP BY 1, name
SQL
	return { map { my ($kind, $table, $count) = split /\|/, $_; ("$kind $table" => $count) } split /\n/, $rows };
}

# The same of a file of envelopes, read strictly: { error, tables }.
sub envelope_counts
{
	my ($file) = @_;
	my ($rows, $error) = run_command([ 'python3', $reader, $file ]);
	return {
		error  => $error,
		tables => { map { my ($kind, $table, $count) = split /\t/, $_; ("$kind $table" => $count) } split /\n/, $rows } };
}

# As many changes of each kind in each table; the history's inserts are the schema events. $left_out->($kind, $table) says
# whether the plugin is right to send nothing of what test_decoding shows there.
sub compare_counts
{
	my ($ours, $peer, $left_out) = @_;
	my %peer   = %$peer;
	my $schema = delete $peer{'c "cdc_envelope.schema_history"'} // 0;
	my %sum;
	my %silent;
	my @differ;
	my %both = map { $_ => 1 } grep { !/^[sm] / } keys %$ours, keys %peer;
	foreach my $table (sort keys %both)
	{
		my ($here, $there) = ($ours->{$table} // 0, $peer{$table} // 0);
		my ($kind, $name) = split / /, $table, 2;
		if (!$here && $left_out && $left_out->($kind, $name))
		{
			$silent{$kind} += $there;
			next;
		}
		$sum{$kind}[0] += $here;
		$sum{$kind}[1] += $there;
		push @differ, "$table: $here, test_decoding: $there" if $here != $there;
	}
	is(join("\n", @differ), '', 'as many changes of each kind in every table as test_decoding sees');
	my $events = 0;
	$events += $ours->{$_} foreach grep { /^s / } keys %$ours;
	is($events, $schema, 'as many schema events as rows in the history');
	is($sum{$_}[0], $sum{$_}[1], sprintf 'changes of kind %s: %d, and %d left out', $_, $sum{$_}[1], $silent{$_} // 0)
	  foreach sort keys %sum;
}

1;

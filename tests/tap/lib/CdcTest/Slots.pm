# Reading slots to files by pg_recvlogical, and counting what is in them beside test_decoding, for the tests that compare
# whole readings.
package CdcTest::Slots;

use strict;
use warnings;
use Cwd 'abs_path';
use Exporter 'import';
use File::Basename;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use CdcTest;

our @EXPORT = qw(slot_create slot_copy slot_read slot_start slot_finish walsender_memory same_file peer_counts envelope_counts compare_counts);

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

# Begins to read a slot of ours up to $end into a file, and to confirm it; %options: the plugin's. The reading is to be
# finished with slot_finish.
sub slot_start
{
	my ($node, $database, $slot, $end, $file, %options) = @_;
	%options = (cluster => 'c', projection => 'p', %options);
	my %reading = (slot => $slot, output => '', error => '');
	$reading{process} = IPC::Run::start(
		[   'pg_recvlogical', '-d', dsn($node, $database), '-S', $slot, '--start', '-f', $file, '--fsync-interval=0',
			'--endpos', $end, '--no-loop', map { ('-o', "$_=$options{$_}") } sort keys %options ],
		'>', \$reading{output}, '2>', \$reading{error});
	return \%reading;
}

# What pg_recvlogical has complained of, or that it ended badly; empty: nothing.
sub slot_finish
{
	my ($reading) = @_;
	$reading->{process}->finish or $reading->{error} ||= 'pg_recvlogical failed';
	return $reading->{error};
}

# The same in one, under settings that the client brings along.
sub slot_read
{
	my ($node, $database, $slot, $end, $file, $settings, %options) = @_;
	local $ENV{PGOPTIONS} = join ' ',
	  map { (my $value = $settings->{$_}) =~ s/ /\\ /g; "-c $_=$value" } sort keys %$settings;
	return { error => slot_finish(slot_start($node, $database, $slot, $end, $file, %options)) };
}

# The most private memory (RssAnon, MB) that the walsender of a reading has until the reading ends. $look, if given, is called
# each time that it has been looked at.
sub walsender_memory
{
	my ($node, $reading, $look) = @_;
	my ($pid, $largest) = ('', 0);
	while ($reading->{process}->pumpable)
	{
		$pid ||= one_value($node, 'postgres', "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$reading->{slot}'");
		if ($pid && open my $status, '<', "/proc/$pid/status")
		{
			my ($kilobytes) = join('', <$status>) =~ /^RssAnon:\s+(\d+) kB/m;
			$largest = $kilobytes if $kilobytes && $kilobytes > $largest;
			$look->() if $kilobytes && $look;
		}
		$reading->{process}->pump_nb;
		select undef, undef, undef, 0.02;
	}
	return int($largest / 1024);
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
	my %both = map { $_ => 1 } grep { !/^(?:[sm]|unrecorded) / } keys %$ours, keys %peer;
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

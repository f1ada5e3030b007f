# One source transaction of 10 million rows (CDC_HUGE_ROWS; here fewer) into Kafka, into a projection, and into both from one pipeline
# (CDC_HUGE_SINKS): the worker's memory does not grow with it: a third of it, which is more than memory_limit, needs as much,
# and it is below 64 MiB with the default memory_limit (CDC_HUGE_MEMORY=32MiB; here less). Every row arrives once, and the
# ledger has one row for it.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $rows   = $ENV{CDC_HUGE_ROWS} // 300_000;
my $memory = $ENV{CDC_HUGE_MEMORY} // '16MiB';
my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster(synchronous_commit => 'off', max_wal_size => '4GB');
my $part   = int($rows / 3);
my $wait   = 120 + $rows / 2000;
$node->safe_psql('shop', 'CREATE TABLE huge (id int PRIMARY KEY, v text)');
my $kafka  = { kafka => { brokers => $broker->address } };
my %sinks  = (kafka => [$kafka], projection => [ postgres_sink($node) ], both => [ $kafka, postgres_sink($node, table => 'twofold.{table}') ]);
foreach my $sink (split ' ', $ENV{CDC_HUGE_SINKS} // 'kafka projection both')
{
	my $worker = CdcTest::Worker->new(
		name     => "huge_$sink",
		dsn      => dsn($node, 'shop'),
		pipeline => { snapshot => 'never', memory_limit => $memory },
		sinks    => $sinks{$sink})->start;
	ok(wait_slot_active($node, "huge_$sink"), "$sink: streaming") or diag($worker->log);
	$node->safe_psql('shop', "INSERT INTO huge VALUES (0, 'small')");
	wait_caught_up($node, "huge_$sink");
	my (undef, $small) = $worker->memory;
	# a third of it first, which is more than memory_limit: what a transaction of any size needs, it needs for this one
	my $third = deliver($worker, "huge_$sink", $part);
	my $whole = deliver($worker, "huge_$sink", $rows);
	note(sprintf('%s: VmHWM %.1f MiB before, %.1f MiB after %d rows, %.1f MiB after %d rows', $sink, $small / 1024, $third / 1024, $part,
		$whole / 1024, $rows));
	cmp_ok($whole - $third, '<', 24 * 1024, sprintf('%s: three times the rows took %.1f MiB more, of %.1f', $sink, ($whole - $third) / 1024, $whole / 1024));
	cmp_ok($whole, '<', 64 * 1024, sprintf('%s: %.1f MiB at the most', $sink, $whole / 1024)) if $memory =~ /^(\d+)MiB$/ && $1 <= 32;
	check_kafka($sink) unless $sink eq 'projection';
	check_projection($sink) unless $sink eq 'kafka';
	is($worker->stop, 0, 'a clean stop');
	$node->safe_psql('shop', 'TRUNCATE huge');
}
done_testing();

# Writes a transaction that replaces the table's rows by so many, and waits until it has arrived: VmHWM in KiB.
sub deliver
{
	my ($worker, $slot, $count) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql('shop', "BEGIN; TRUNCATE huge; INSERT INTO huge SELECT n, 'row ' || n FROM generate_series(1, $count) n; COMMIT");
	my $start = time();
	my $end   = one_value($node, 'shop', 'SELECT pg_current_wal_lsn()');
	ok(wait_until(sub { one_value($node, 'shop', "SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = '$slot'") eq 't' }, $wait),
		sprintf('%s: a transaction of %d rows in %.1f s', $slot, $count, time() - $start)) or diag($worker->log);
	note(sprintf('%s: %d rows in %.1f s', $slot, $count, time() - $start));
	my (undef, $most) = $worker->memory;
	return $most;
}

# Every row once, over all its transactions: counted as they pass, by one bit a row.
sub check_kafka
{
	my ($sink) = @_;
	my ($count, $twice, %seen) = (0, 0);
	consume_each($broker->address, "huge_$sink.public.huge", sub {
		$_[0]{value} =~ /"op_type":"c".*?"commit_lsn":"([^"]+)".*?"key":\{"id":(\d+)\}/ or return;
		$seen{$1} //= '';
		$twice += vec($seen{$1}, $2, 1);
		vec($seen{$1}, $2, 1) = 1;
		$count++;
	});
	is($count, 1 + $part + $rows, "$sink: $count events, as many as rows were written");
	return is($twice, 0, "$sink: 0 of them twice");
}

sub check_projection
{
	my ($sink) = @_;
	my $table = $sink eq 'both' ? 'twofold.huge' : 'huge';
	is(one_value($node, 'projection', "SELECT count(*) FROM $table WHERE NOT _deleted"), $rows, "$sink: every row is there");
	return is(
		one_value($node, 'projection', "SELECT count(*) FROM projection_ledger l WHERE (SELECT max(_commit_lsn) FROM $table WHERE NOT _deleted) = l.commit_lsn::pg_lsn"),
		1, "$sink: the transaction has one row in the ledger");
}

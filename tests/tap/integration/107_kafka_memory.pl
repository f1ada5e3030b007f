# Memory, with the defaults: a large transaction (CDC_MEMORY_ROWS), before a broker that stops in its middle until the worker holds
# all that it may, leaves the process below 64 MiB.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use Test::More;

my $rows   = $ENV{CDC_MEMORY_ROWS} // 400_000;
my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster(wal_sender_timeout => '30s');
one_value($node, 'shop', 'CREATE TABLE wide (id bigint PRIMARY KEY, a int, b numeric(12,2), c text, d timestamptz, e bool)');
foreach my $mode (qw(on off))
{
	my $worker = CdcTest::Worker->new(
		name     => "memory_$mode",
		dsn      => dsn($node, 'shop'),
		pipeline => { snapshot => 'never' },
		sinks    => [ { kafka => { brokers => $broker->address, transactions => $mode } } ])->start;
	ok(wait_slot_active($node, "memory_$mode"), "transactions $mode: streaming") or diag($worker->log);
	one_value($node, 'shop', "INSERT INTO wide SELECT n, n, n * 1.01, repeat('x', 50), now(), true
		FROM generate_series(1, $rows) n");
	ok(wait_delivered("memory_$mode.public.wide", 20_000), 'under way') or diag($worker->log);
	$broker->signal('STOP');
	ok(wait_full("memory_$mode"), 'the worker holds what it may, and reads no more');
	note(sprintf 'before a broker that stands still: %.1f MiB', peak($worker));
	$broker->signal('CONT');
	ok(wait_caught_up($node, "memory_$mode"), "all $rows events are delivered") or diag($worker->log);
	my $peak = peak($worker);
	cmp_ok($peak, '>', 32, sprintf('its memory was used: %.1f MiB', $peak));
	cmp_ok($peak, '<', 64, 'and stays below 64 MiB');
	is($worker->stop, 0, 'a clean stop');
	one_value($node, 'shop', 'TRUNCATE wide');
}
done_testing();

# Whether so many messages are in the topic within two minutes.
sub wait_delivered
{
	my ($topic, $least) = @_;
	foreach (1 .. 240)
	{
		my $offsets = `kcat -b @{[ $broker->address ]} -Q -t $topic:0:-1 2>/dev/null`;
		return 1 if $offsets =~ /offset (\d+)/ && $1 * 4 >= $least;
		select(undef, undef, undef, 0.5);
	}
	return 0;
}

# Whether the worker has stopped reading: the server has sent nothing new for three seconds, though there is more.
sub wait_full
{
	my ($slot) = @_;
	my ($before, $since) = ('', 0);
	foreach (1 .. 120)
	{
		sleep 1;
		my $sent = one_value($node, 'shop', "SELECT sent_lsn FROM pg_stat_replication JOIN pg_replication_slots ON pid = active_pid
			WHERE slot_name = '$slot'");
		$since = $sent eq $before ? $since + 1 : 0;
		return 1 if $since == 3;
		$before = $sent;
	}
	return 0;
}

# The most that the process ever had in memory, MiB.
sub peak
{
	my ($worker) = @_;
	open my $file, '<', '/proc/' . $worker->pid . '/status' or return 0;
	my ($kib) = join('', <$file>) =~ /VmHWM:\s+(\d+)/;
	return $kib / 1024;
}

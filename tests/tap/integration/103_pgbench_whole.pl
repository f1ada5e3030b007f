# pgbench in its usual size under a running pipeline into a real broker and a projection: afterwards the four tables of
# the projection equal the source row by row, every event is in Kafka once, and each key's events are in order.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $scale   = $ENV{PGBENCH_SCALE}   // 10;
my $seconds = $ENV{PGBENCH_SECONDS} // 30;
my $broker  = CdcTest::Broker->start_or_skip;
my $node    = source_cluster(shared_buffers => '256MB', max_wal_size => '4GB');
my @where   = ('-h', $node->host, '-p', $node->port, 'shop');
run_log([ 'pgbench', '-i', '-q', '-s', $scale, @where ]) or die 'pgbench -i failed';

my $worker = CdcTest::Worker->new(
	name  => 'whole',
	dsn   => dsn($node, 'shop'),
	sinks => [ { kafka => { brokers => $broker->address, topic_prefix => 'bench' } }, postgres_sink($node) ]);
my $start = time();
$worker->start(args => ['--progress']);
ok(wait_slot_active($node, 'whole'), 'the snapshot is done') or diag($worker->log);
note(sprintf('snapshot of %d rows in %.1f s', $scale * 100_011, time() - $start));

my ($output) = run_command([ 'pgbench', '-n', '-c', '4', '-T', $seconds, @where ]);
my ($transactions) = $output =~ /actually processed: (\d+)/ or die "pgbench: $output";
$start = time();
ok(wait_caught_up($node, 'whole'), "the worker catches up with $transactions transactions") or diag($worker->log);
note(sprintf('caught up %.1f s after the last of them', time() - $start));

same_rows($node, "pgbench_$_") foreach qw(branches tellers accounts history);

# The snapshot's million is counted as it passes; the changes are kept.
my (%count, %seen, @changes);
foreach my $topic (map { "bench.public.pgbench_$_" } qw(accounts branches history tellers))
{
	consume_each($broker->address, $topic, sub {
		my $message = read_head($_[0]);
		$count{$topic}{ $message->{op} }++;
		if ($message->{op} eq 'r') { $seen{$topic}{ $message->{key} }++ }
		else                       { push @changes, $message }
	});
}
is_deeply(
	\%count,
	{   'bench.public.pgbench_accounts' => { r => $scale * 100_000, u => $transactions },
		'bench.public.pgbench_tellers'  => { r => $scale * 10,      u => $transactions },
		'bench.public.pgbench_branches' => { r => $scale,           u => $transactions },
		'bench.public.pgbench_history'  => { c => $transactions } },
	'Kafka has every row of the snapshot and every change, once');
is(scalar(grep { $_ != 1 } map { values %$_ } values %seen), 0, 'no row of the snapshot came twice');
@changes = sort { $a->{topic} cmp $b->{topic} || $a->{partition} <=> $b->{partition} || $a->{offset} <=> $b->{offset} } @changes;
check_order('no change comes twice and each key is in order', 0, @changes);
my ($streamed, $events) = check_transactions('no transaction is torn', @changes);
is($streamed, $transactions,     'as many transactions as pgbench has committed');
is($events,   4 * $transactions, 'of four events each');
is($worker->stop, 0, 'a clean stop');
note($1) if $worker->log =~ /(pipeline whole: .*)/s;
done_testing();

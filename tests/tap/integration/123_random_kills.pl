# kill -9 of the worker at random, 100 times (CDC_RANDOM_KILLS; here a few of them), under pgbench with a workload of all that
# is hard to deliver, into Kafka and into a projection at once: a read_committed reader has each event exactly once and in
# order, no transaction is torn, the projection equals the source row by row, and the ledger has one row for each source
# transaction.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use CdcTest::RichLoad;
use Test::More;
use Time::HiRes qw(time sleep);

my $kills  = $ENV{CDC_RANDOM_KILLS} // 8;
my $seed   = $ENV{CDC_SEED} // int(rand(1 << 30));
my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster(wal_sender_timeout => '5s', synchronous_commit => 'off');
create_rich_load($node);
my $worker = CdcTest::Worker->new(
	name  => 'random',
	dsn   => dsn($node, 'shop'),
	sinks => [ { kafka => { brokers => $broker->address, topic_prefix => 'random' } }, postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'random'), 'streaming') or diag($worker->log);
ok(wait_caught_up($node, 'random'), 'the tables are there');
# so that the order of rows matters to the projection too
projection_node($node)->safe_psql('projection', 'CREATE UNIQUE INDEX ON doc (slot) WHERE NOT _deleted');
my $marks = one_value($node, 'shop', 'SELECT count(*) FROM tx');    # those of the snapshot

note("CDC_SEED=$seed");
srand($seed);
my $load = start_rich_load($node, seconds => 7200, clients => 3, rate => $ENV{CDC_RATE} // 150);
my ($killed, $start, $streaming) = (0, time(), 0);
foreach my $round (1 .. $kills)
{
	# at times while it is still starting, at times in mid-stream
	if ($round % 3) { wait_slot_active($node, 'random'); $streaming++ }
	sleep(rand(1.2));
	$killed++ if ($worker->kill9 // '') eq 'signal 9';
	$worker->start;
}
my $seconds = time() - $start;
is($killed, $kills, sprintf('killed %d times in %.0f s, %d of them while it was streaming', $killed, $seconds, $streaming));
ok(wait_slot_active($node, 'random'), 'streaming again') or diag($worker->log);
stop_rich_load($node, $load);
ok(wait_caught_up($node, 'random'), 'the worker catches up') or diag($worker->log);

my $transactions = one_value($node, 'shop', 'SELECT count(*) FROM tx') - $marks;
same_rows($node, $_) foreach rich_tables();
is(one_value($node, 'projection',
		'SELECT count(*), count(DISTINCT t.xid) FROM tx t JOIN projection_ledger l ON l.commit_lsn::pg_lsn = t._commit_lsn WHERE _seq >= 0'),
	"$transactions|$transactions", "each of $transactions transactions has one row in the ledger");
is(one_value($node, 'projection', 'SELECT count(*) - count(DISTINCT commit_lsn) FROM projection_ledger'), 0, 'and no row of it is there twice');
is(one_value($node, 'projection', 'SELECT count(*) FROM projection_dead_letter'), 0, 'nothing was refused');

my %there    = topics($broker->address);
my @topics   = grep { $there{$_} } map { "random.public.$_" } rich_tables();
my @messages = consume($broker->address, @topics);
my $repeated = check_order('Kafka: no event comes twice, each key is in order', 0, @messages);
my ($streamed, $events) = check_transactions('Kafka: no transaction is torn', @messages);
is($streamed, $transactions, "Kafka: all $transactions transactions, $events events; $killed kills: 0 lost, $repeated repeated");
is($worker->stop, 0, 'a clean stop');
done_testing();

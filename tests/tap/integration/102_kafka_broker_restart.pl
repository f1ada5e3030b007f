# The broker goes away and comes back under the worker: nothing is lost, nothing comes twice, nothing needs a hand.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use CdcTest::Load;
use Test::More;

my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster();
create_load($node);
my $worker = CdcTest::Worker->new(
	name  => 'outage',
	dsn   => dsn($node, 'shop'),
	sinks => [ { kafka => { brokers => $broker->address, topic_prefix => 'outage' } }, postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'outage'), 'streaming') or diag($worker->log);

my $load = start_load($node, seconds => 10, clients => 2, rate => 500);
foreach my $round (1 .. 2)
{
	wait_until(sub { arrived($node, 'tx') > $round * 500 });
	$broker->stop;
	ok($worker->wait_log(qr/kafka/i), "round $round: the worker says that the broker is gone") or diag($worker->log);
	sleep 2;
	ok($worker->running, "round $round: and waits for it");
	$broker->start;
}
my $transactions = finish_load($load);
ok(wait_caught_up($node, 'outage'), 'the worker catches up') or diag($worker->log);
same_rows($node, $_) foreach load_tables();

my @messages = consume($broker->address, map { "outage.public.$_" } load_tables());
check_order('no event comes twice and each key is in order', 0, @messages);
my ($streamed) = check_transactions('no transaction is torn', @messages);
is($streamed, $transactions, "all $transactions transactions are there");
is($worker->stop, 0, 'a clean stop');
done_testing();

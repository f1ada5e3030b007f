# Kafka transactions before a real broker: the worker is killed with -9 at every named place around produce, commit and
# feedback, and at random moments under load. Whoever reads what is committed sees each event once, in order, and never
# half a source transaction, also while the worker lies dead.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use CdcTest::Load;
use IPC::Run ();
use Test::More;

my $kills  = $ENV{CDC_RANDOM_KILLS} // 10;
my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster(wal_sender_timeout => '5s');
create_load($node);
my @topics = map { "once.public.$_" } load_tables();
my $worker = CdcTest::Worker->new(
	name  => 'once',
	dsn   => dsn($node, 'shop'),
	sinks => [ { kafka => { brokers => $broker->address, topic_prefix => 'once' } } ])->start;
ok(wait_slot_active($node, 'once'), 'streaming') or diag($worker->log);
$worker->kill9;

# Named places. The second number is the passing at which it dies: the first commits are the start's own.
my $load = start_load($node, seconds => 7200, clients => 4, rate => 300);
foreach my $place (
	qw(kafka_fenced_others@1 kafka_before_checkpoint@1 kafka_before_commit@1 kafka_after_commit@1
	stream_started@1 sinks_streaming@1 slice_received@1 slice_received@50 kafka_before_produce@1 kafka_before_produce@30
	kafka_produced@1 kafka_produced@40 kafka_before_checkpoint@8 kafka_before_commit@2 kafka_before_commit@9
	kafka_after_commit@2 kafka_after_commit@7 before_feedback@1 before_feedback@5 after_feedback@1 after_feedback@6))
{
	$worker->{env}{CDC_FAILPOINT} = "$place:kill";
	$worker->start;
	is($worker->wait_exit(60), 'signal 9', "killed at $place") or diag($worker->log);
	my (undef, undef, @torn) = transaction_errors(delivered());
	is(scalar @torn, 0, "nothing is torn after $place") or diag("@torn[0 .. 2]");
}
delete $worker->{env}{CDC_FAILPOINT};

foreach my $round (1 .. $kills)
{
	$worker->start;
	wait_slot_active($node, 'once');
	select(undef, undef, undef, rand(2));
	is($worker->kill9, 'signal 9', "random kill $round");
}
$worker->start;
IPC::Run::signal($load->{run}, 'TERM');
finish_load($load, 1);
my $transactions = one_value($node, 'shop', 'SELECT count(*) FROM tx');
ok(wait_caught_up($node, 'once'), 'the worker catches up') or diag($worker->log);

my @messages = delivered();
check_order('no event comes twice, each key is in order', 0, @messages);
my ($streamed, $events) = check_transactions('no transaction is torn', @messages);
is($streamed, $transactions, "all $transactions transactions are there, $events events");
is(scalar(grep { read_head($_)->{op} eq 'r' } @messages), 1000 + 200, 'the snapshot is there once');
is($worker->stop, 0, 'a clean stop');
my @checkpoints = consume($broker->address, 'once._checkpoints');
like($checkpoints[-1]{value}, qr/"state":"streaming",.*"last":true/, 'the position is in the checkpoint topic');
done_testing();

# What is committed in the tables' topics, of those that exist by now.
sub delivered
{
	my %there = topics($broker->address);
	return consume($broker->address, grep { $there{$_} } @topics);
}

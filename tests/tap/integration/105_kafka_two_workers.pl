# Two workers on one slot: the second stands by and takes over within seconds when the first dies; one that comes back from
# the dead (frozen, its slot gone to the other) writes nothing any more.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use CdcTest::Load;
use Test::More;
use Time::HiRes qw(time);

my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster(wal_sender_timeout => '3s');
create_load($node);
my @same = (
	dsn   => dsn($node, 'shop'),
	source => { slot => 'pair' },
	sinks => [ { kafka => { brokers => $broker->address, topic_prefix => 'pair' } } ]);
my ($one, $two) = map {
	my $worker = CdcTest::Worker->new(name => 'pair', @same);
	$worker->{logfile} =~ s/pair_worker/pair_worker$_/;
	$worker;
} 1 .. 2;
$one->start;
ok(wait_slot_active($node, 'pair'), 'the first is streaming') or diag($one->log);
my $load = start_load($node, seconds => 60, clients => 2, rate => 300);
$two->start;
ok($two->wait_log(qr/standing by/), 'the second stands by') or diag($two->log);
unlike($two->log, qr/transactional\.id/, 'and has not touched the brokers');
sleep 2;
ok($one->running, 'the first goes on') or diag($one->log);

my $start = time();
is($one->kill9, 'signal 9', 'the first dies');
ok($two->wait_log(qr/streaming from/), 'the second takes over') or diag($two->log);
my $seconds = time() - $start;
note(sprintf('after %.1f s', $seconds));
cmp_ok($seconds, '<', 10, 'within seconds');

$one->start;
ok($one->wait_log(qr/standing by/), 'the first is back and stands by') or diag($one->log);
$two->signal('STOP');
ok($one->wait_log(qr/streaming from/), 'the first takes over from a frozen one') or diag($one->log);
sleep 1;
$two->signal('CONT');
ok($two->wait_log(qr/standing by|has taken this pipeline over/), 'the other notices when it wakes up') or diag($two->log);
ok($one->running, 'and does not disturb');
$two->stop if $two->running;

# Frozen with a Kafka transaction that only lacks its commit, in each of its two producers' turn.
foreach my $passing (20, 21)
{
	my $frozen = CdcTest::Worker->new(name => 'pair', @same, env => { CDC_FAILPOINT => "kafka_before_commit\@$passing:freeze" });
	$frozen->{logfile} =~ s/pair_worker/frozen_worker$passing/;
	$frozen->start;
	ok($frozen->wait_log(qr/standing by/), 'one more stands by') or diag($frozen->log);
	is($one->kill9, 'signal 9', 'the other dies');
	ok($frozen->wait_log(qr/streaming from/), 'it takes over') or diag($frozen->log);
	ok(wait_frozen($frozen), "and is frozen before commit $passing") or diag($frozen->log);
	$one->start;
	ok($one->wait_log(qr/streaming from/), 'the other takes over again') or diag($one->log);
	sleep 1;
	$frozen->signal('CONT');
	ok($frozen->wait_log(qr/standing by.*standing by|has taken this pipeline over/s), 'the frozen one notices')
	  or diag($frozen->log);
	ok($one->running, 'and does not disturb');
	$frozen->kill9;
}

my $transactions = finish_load($load);
ok(wait_caught_up($node, 'pair'), 'all is delivered') or diag($one->log);
my @messages = consume($broker->address, map { "pair.public.$_" } load_tables());
check_order('no event comes twice, each key is in order', 0, @messages);
my ($streamed) = check_transactions('no transaction is torn', @messages);
is($streamed, $transactions, "all $transactions transactions are there");
is($one->stop, 0, 'a clean stop');

# Somebody runs the same pipeline on another slot: refused, and the one that works does not notice.
$one->start;
ok(wait_slot_active($node, 'pair'), 'streaming again') or diag($one->log);
my $rival = CdcTest::Worker->new(name => 'pair', @same, source => { slot => 'rival' }, pipeline => { snapshot => 'never' });
$rival->{logfile} =~ s/pair_worker/rival_worker/;
$rival->start;
is($rival->wait_exit(60), 1, 'the rival refuses a position of another slot') or diag($rival->log);
one_value($node, 'shop', q(INSERT INTO tx VALUES (999999999)));
ok(wait_caught_up($node, 'pair'), 'the other goes on') or diag($one->log);
unlike($one->log, qr{fenced|taken|trying again}, 'undisturbed');
is($one->stop, 0, 'a clean stop');
done_testing();

# Whether the worker has stopped itself (state T), within half a minute.
sub wait_frozen
{
	my ($worker) = @_;
	foreach (1 .. 300)
	{
		open my $stat, '<', "/proc/$worker->{pid}/stat" or return 0;
		return 1 if <$stat> =~ /\) T /;
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

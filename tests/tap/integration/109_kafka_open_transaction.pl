# Another pipeline's transaction is open in the checkpoint topic that both use: a reader of what is committed sees nothing
# behind it, also not the position of the one that starts again. It waits, and goes on where it stood.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use Test::More;

my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster(wal_sender_timeout => '3s');
$node->safe_psql('shop', 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
my $positions = 'both._checkpoints';

sub pipeline
{
	my ($name) = @_;
	return CdcTest::Worker->new(
		name  => $name,
		dsn   => dsn($node, 'shop'),
		sinks => [ { kafka => {
				brokers          => $broker->address,
				topic_prefix     => $name,
				checkpoint_topic => $positions,
				# what is left open stays so until its owner comes back, however slow the machine is
				properties       => { 'transaction.timeout.ms' => 600000 } } } ]);
}

sub insert { $node->safe_psql('shop', 'INSERT INTO t SELECT max(id) + 1 FROM t'); return }

# The end of the newest position of the pipeline "ours" that a reader of what is committed finds.
sub visible_position
{
	my ($newest) = grep { $_->{key} eq 'ours' } reverse consume($broker->address, $positions);
	my ($end) = $newest->{value} =~ /"end_lsn":"([^"]+)"/;
	return $end;
}

my ($ours, $other) = map { pipeline($_) } qw(ours other);
foreach my $worker ($ours, $other)
{
	$worker->start;
	ok(wait_slot_active($node, $worker->{name}), "$worker->{name}: streaming") or diag($worker->log);
}
insert();
ok(wait_caught_up($node, $_->{name}), "$_->{name}: caught up") or diag($_->log) foreach $ours, $other;

# The other dies with its position written and its transaction not committed.
is($other->stop, 0, 'a clean stop');
$other->{env}{CDC_FAILPOINT} = 'kafka_before_commit@1:kill';
$other->start;  # its first commit takes the pipeline over
insert();
is($other->wait_exit(60), 'signal 9', 'the other dies before its commit') or diag($other->log);

my $hidden = one_value($node, 'shop', 'SELECT pg_current_wal_lsn()');
insert();
ok(wait_caught_up($node, 'ours'), 'ours: caught up') or diag($ours->log);
is($ours->kill9, 'signal 9', 'ours dies too');
is(one_value($node, 'shop', sprintf(q(SELECT '%s'::pg_lsn <= '%s'), visible_position(), $hidden)),
	't', 'its newest position is behind the open transaction');

$ours->start;
ok($ours->wait_log(qr/"\Q$positions\E" can't be read to its end: another producer's transaction is open in it/), 'ours waits')
  or diag($ours->log);
# Its coming back ends what it had left open.
delete $other->{env}{CDC_FAILPOINT};
$other->start;
ok(wait_slot_active($node, $_->{name}), "$_->{name}: streaming again") or diag($_->log) foreach $other, $ours;
insert();
foreach my $worker ($ours, $other)
{
	my $name = $worker->{name};
	ok(wait_caught_up($node, $name), "$name: caught up") or diag($worker->log);
	is(join(',', sort map { $_->{value} =~ /"id":(\d+)/ } consume($broker->address, "$name.public.t")),
		'1,2,3,4,5', "$name: each row came once");
	is($worker->stop, 0, 'a clean stop');
}
done_testing();

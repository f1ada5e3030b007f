# The position is in a topic that keeps it: the worker makes the topic compacted, and refuses one of which retention would
# delete the position of a pipeline that stands still.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use PostgreSQL::Test::Utils;
use Test::More;

my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster();
my $topic  = 'kept._checkpoints';
$node->safe_psql('shop', 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
my $worker = CdcTest::Worker->new(
	name  => 'kept',
	dsn   => dsn($node, 'shop'),
	sinks => [ { kafka => { brokers => $broker->address } } ]);

sub configs { return $broker->tool('kafka.admin.ConfigCommand', @_) }

sub set_policy
{
	return configs('--alter', '--entity-type', 'topics', '--entity-name', $topic, '--add-config', "cleanup.policy=$_[0]");
}

$worker->start;
ok(wait_slot_active($node, 'kept'), 'streaming') or diag($worker->log);
like(configs('--describe', '--entity-type', 'topics', '--entity-name', $topic),
	qr/\bcleanup\.policy=compact\b/, 'the worker makes the topic compacted');
is($worker->stop, 0, 'a clean stop');

foreach my $policy ('delete', '[compact,delete]')
{
	set_policy($policy);
	$node->safe_psql('shop', 'INSERT INTO t SELECT max(id) + 1 FROM t');
	$worker->start;
	is($worker->wait_exit, 1, "cleanup.policy=$policy: refused") or diag($worker->log);
	my $said = $policy =~ s/[][]//gr;
	like($worker->log, qr/the checkpoint topic "\Q$topic\E" has cleanup\.policy=\Q$said\E: retention/, 'by its name');
}

my ($arguments) = $worker->log =~ /hint: kafka-configs\.sh --bootstrap-server \Q@{[ $broker->address ]}\E (.*?)\)?$/m
  or diag($worker->log);
configs(split / /, $arguments);
$worker->start;
ok(wait_slot_active($node, 'kept'), 'after the command of the hint it streams') or diag($worker->log);
ok(wait_caught_up($node, 'kept'), 'and catches up');
is(join(',', sort map { $_->{value} =~ /"id":(\d+)/ } consume($broker->address, 'kept.public.t')), '1,2,3', 'each row came once');
is($worker->stop, 0, 'a clean stop');
done_testing();

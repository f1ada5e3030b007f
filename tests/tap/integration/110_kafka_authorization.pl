# What the worker's user may not do on brokers with an authorizer: each refusal names the thing and the right that is missing,
# and once that is granted, nothing is lost and nothing has come twice.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use Test::More;

my $broker = CdcTest::Broker->start_or_skip(user => 'cdc');
my $node   = source_cluster();
$node->safe_psql('shop', 'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY);
	CREATE TABLE v (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
my %kafka  = (brokers => $broker->user_address, properties => $broker->user_properties);
my %worker = (name => 'acl', dsn => dsn($node, 'shop'));
my $worker = CdcTest::Worker->new(%worker, sinks => [ { kafka => {%kafka} } ]);

sub insert { $node->safe_psql('shop', "INSERT INTO $_[0] SELECT coalesce(max(id), 0) + 1 FROM $_[0]"); return }

sub ids { return join ',', sort map { $_->{value} =~ /"id":(\d+)/ } consume($broker->address, $_[0]) }

# The worker ends, and says what was refused to it and which right is missing.
sub refused
{
	my ($what, $pattern) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$worker->start;
	is($worker->wait_exit, 1, "$what: refused") or diag($worker->log);
	like($worker->log, $pattern, "$what: by its name, with the right that is missing");
	insert('t');
	return;
}

sub streams
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$worker->start;
	ok(wait_slot_active($node, 'acl') && wait_caught_up($node, 'acl'), "$what: it streams") or diag($worker->log);
	return;
}

refused('the transactional id', qr/"cdc-worker\.acl".* authorization failed.*hint: grant WRITE and DESCRIBE on it/);
$broker->grant([qw(Write Describe)], '--transactional-id' => 'cdc-worker.', '--resource-pattern-type' => 'prefixed');
refused('the checkpoint topic', qr/"acl\._checkpoints" can't be used: .*authorization failed.*hint: grant READ, WRITE and DESCRIBE/);
$broker->grant([qw(Create Write Describe)], '--topic' => 'acl._checkpoints');
refused('a table\'s topic', qr/topic "acl\.public\.t" did not accept .*authorization failed.*hint: grant WRITE and DESCRIBE/);
refused('reading the checkpoint topic', qr/"acl\._checkpoints" can't be used: .*authorization failed.*hint: grant READ/);
$broker->grant([qw(Create Read Write Describe)], map { ('--topic' => $_) } qw(acl._checkpoints acl.public.t));
streams('all that it needs');
like($worker->log, qr/whether retention spares .* is not known: .*grant DESCRIBE_CONFIGS/, 'without the right to see the policy it warns');
is(ids('acl.public.t'), '1,2,3,4,5', 'each row came once');
is($worker->stop, 0, 'a clean stop');

# A topic that it may see and not write to: no message is refused, but the registration of its partition with the transaction, whose
# error does not say which of the two topics it was.
$broker->tool('org.apache.kafka.tools.TopicCommand', '--create', '--topic' => 'acl.public.v', '--partitions' => 1);
$broker->grant(['Describe'], '--topic' => 'acl.public.v');
$node->safe_psql('shop', 'BEGIN; INSERT INTO t VALUES (6); INSERT INTO v VALUES (1); COMMIT');
refused('a topic that it may only see', qr/topic "acl\.public\.v" did not accept .*authorization failed.*hint: grant WRITE and DESCRIBE/);

# Tables whose topics are refused, where refused events are parked.
$worker->configure(%worker, sinks => [ { kafka => { %kafka, on_reject => 'park' } } ]);
insert('u');
refused('the dead-letter topic', qr/topic "acl\._dead_letters" did not accept .*authorization failed.*hint: grant WRITE/);
$broker->grant([qw(Create Write Describe)], '--topic' => 'acl._dead_letters');
streams('a refused topic whose events are parked');
insert('u');
ok(wait_caught_up($node, 'acl'), 'and goes on') or diag($worker->log);
is($worker->stop, 0, 'a clean stop');
$broker->grant([qw(Create Write Describe)], '--topic' => 'acl.public.u');
insert('u');
streams('the topic granted');
is(ids('acl._dead_letters'), '1,1,2', 'what was refused is parked, each event once');
is(ids('acl.public.v'), '', 'and is nowhere else');
is(ids('acl.public.u'), '3', 'what came afterwards is in its topic');
is(ids('acl.public.t'), '1,2,3,4,5,6,7,8', 'the other table has each row once');
is($worker->stop, 0, 'a clean stop');
done_testing();

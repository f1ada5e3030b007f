# Without Kafka transactions: a real broker, and the worker killed with -9 several times in mid-stream: each key's events are in order, none is lost,
# and what is repeated are whole transactions with the same bytes and the same (commit_lsn, seq).
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use CdcTest::Load;
use Test::More;

my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster(wal_sender_timeout => '5s');
create_load($node);
my $worker = CdcTest::Worker->new(
	name  => 'kill',
	dsn   => dsn($node, 'shop'),
	sinks => [ { kafka => { brokers => $broker->address, topic_prefix => 'kill', transactions => \0 } } ])->start;
ok(wait_slot_active($node, 'kill'), 'streaming') or diag($worker->log);

my $load = start_load($node, seconds => 15, clients => 4, rate => 1500);
foreach my $round (1 .. 6)
{
	my $from = one_value($node, 'shop', 'SELECT count(*) FROM tx');
	wait_until(sub { one_value($node, 'shop', 'SELECT count(*) FROM tx') > $from + 1500 });
	is($worker->kill9, 'signal 9', "round $round: killed");
	$worker->start;
	ok(wait_slot_active($node, 'kill'), "round $round: streaming again") or diag($worker->log);
}
my $transactions = finish_load($load);
ok(wait_caught_up($node, 'kill'), 'the worker catches up') or diag($worker->log);

my @topics   = map { "kill.public.$_" } load_tables();
my @messages = consume($broker->address, @topics);
my $repeated = check_order('each key is in order, and a repetition begins a whole transaction, byte by byte the same', 1, @messages);
note("$repeated of " . scalar(@messages) . ' events were repeated');
my ($streamed) = check_transactions('no transaction is torn', @messages);
is($streamed, $transactions, "all $transactions transactions are there");

# The newest event of each key is the row as it is now.
my (%latest, %rows);
$latest{ $_->{topic} }{ $_->{key} } = $_ foreach @messages;
foreach my $table (load_tables())
{
	my @live = grep { $_->{op} ne 'd' } map { read_head($_) } values %{ $latest{"kill.public.$table"} };
	my $images = join "\n", sort map { $_->{value} =~ /"after":(\{.*\}),"evidence_id"/ ? $1 : die } @live;
	my $source = one_value($node, 'shop',
		"SELECT substring(cdc_envelope.encode(t, 'r', '0/0', now()) FROM '\"after\":(\\{.*\\}),\"evidence_id\"') FROM $table t");
	is($images eq join("\n", sort split /\n/, $source) ? 'equal' : 'different', 'equal', "the newest events of $table are its rows");
}
is($worker->stop, 0, 'a clean stop');
done_testing();

# The two that catch others. Ten times: idle, a clean stop, one more row, a start; never is the row lost. And kill -9 in the
# middle of a backlog: with Kafka transactions a reader sees nothing twice; without, no more than was under way.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use Test::More;
use Time::HiRes qw(time sleep);

my $records = $ENV{CDC_BACKLOG} // 40_000;
my $broker  = CdcTest::Broker->start_or_skip(proxy => 1);
my $proxy   = $broker->proxy;
my $node    = source_cluster(wal_sender_timeout => '5s', synchronous_commit => 'off');
$node->safe_psql('shop', 'CREATE TABLE row (id int PRIMARY KEY, v text)');

# an event of this table is longer than 150 bytes: so many fit into memory_limit
my $under_way = 2 * 1024 * 1024 / 150;

my %worker;
foreach my $mode (qw(on off))
{
	$worker{$mode} = CdcTest::Worker->new(
		name     => "backlog_$mode",
		dsn      => dsn($node, 'shop'),
		pipeline => { snapshot => 'never', memory_limit => '2MiB' },
		sinks    => [ { kafka => { brokers => $proxy->address, transactions => $mode eq 'on' ? \1 : \0 } } ])->start;
	ok(wait_slot_active($node, "backlog_$mode"), "transactions: $mode: streaming") or diag($worker{$mode}->log);
}
my ($lost, $ahead) = (0, 0);
foreach my $n (1 .. 10)
{
	$node->safe_psql('shop', $n % 3 == 0 ? 'SELECT pg_switch_wal()' : 'CHECKPOINT');
	wait_caught_up($node, "backlog_$_") foreach keys %worker;
	$_->stop foreach values %worker;
	$ahead += one_value($node, 'shop', 'SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn > pg_current_wal_lsn()');
	$node->safe_psql('shop', "INSERT INTO row VALUES ($n, 'round')");
	$_->start foreach values %worker;
	foreach my $mode (sort keys %worker)
	{
		wait_slot_active($node, "backlog_$mode");
		wait_caught_up($node, "backlog_$mode");
		$lost++ unless grep { $_->{value} =~ /"key":\{"id":$n\}/ } consume($broker->address, "backlog_$mode.public.row");
	}
}
is($lost,  0, 'ten times idle, stopped, one more row, started, twice over: 0 of 20 rows lost');
is($ahead, 0, 'and never was more confirmed than there is');
$_->stop foreach values %worker;

$node->safe_psql('shop', "DO \$\$ BEGIN FOR n IN 1001 .. 1000 + $records LOOP INSERT INTO row VALUES (n, 'backlog'); COMMIT; END LOOP; END \$\$");
foreach my $mode (qw(on off))
{
	my $topic = "backlog_$mode.public.row";
	# slowly, so that it is in the middle of it when it is killed
	$proxy->rate(100_000);
	foreach my $part (1 .. 2)
	{
		my $before = delivered($topic);
		$worker{$mode}->start;
		ok(wait_until(sub { delivered($topic) > $before + $records / 10 }), "transactions: $mode: part $part is being delivered")
		  or diag($worker{$mode}->log);
		is($worker{$mode}->kill9, 'signal 9', 'killed in the middle of the backlog');
		$proxy->reset;    # what it had sent and the broker had not got is gone
		my $there = delivered($topic);
		cmp_ok($there, '<', $records, "$there of $records records are there");
	}
	$proxy->rate(0);
	$worker{$mode}->start;
	ok(wait_caught_up($node, "backlog_$mode"), 'the worker catches up') or diag($worker{$mode}->log);
	my @messages = consume($broker->address, $topic);
	my $repeated = check_order("transactions: $mode: in order", $mode eq 'off', @messages);
	my ($transactions, $events) = check_transactions("transactions: $mode: nothing is torn", @messages);
	is($events, $records + 10, "transactions: $mode: each of $records records of the backlog is there");
	$mode eq 'on'
	  ? is($repeated, 0, "transactions: on: 0 of $records repeated after 2 kills")
	  : cmp_ok($repeated, '<', 2 * $under_way, "transactions: off: $repeated of $records repeated after 2 kills");
	is($worker{$mode}->stop, 0, 'a clean stop');
}
done_testing();

# How many messages of a topic a reader can see; its end, as cheap as that is.
sub delivered
{
	my ($topic) = @_;
	my $count = 0;
	my %there = topics($broker->address);
	consume_each($broker->address, $topic, sub { $count++ }) if $there{$topic};
	return $count;
}

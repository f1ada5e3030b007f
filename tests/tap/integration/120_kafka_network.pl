# The network between the worker and the brokers, under load and with Kafka transactions: reset, cut, slow, black hole; and
# the broker gone for long: memory stays bounded, nothing is confirmed that is not in Kafka, nor beyond what there is.
# Afterwards every event is there once, in order, no transaction torn.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use CdcTest::Load;
use CdcTest::Proxy;
use Test::More;
use Time::HiRes qw(time sleep);

my $outage = $ENV{CDC_OUTAGE_SECONDS} // 15;
my $broker = CdcTest::Broker->start_or_skip(proxy => 1);
my $proxy  = $broker->proxy;
my $node   = source_cluster(wal_sender_timeout => '5s', synchronous_commit => 'off');
create_load($node, 200);
my @topics = map { "net.public.$_" } load_tables();
my $worker = CdcTest::Worker->new(
	name     => 'net',
	dsn      => dsn($node, 'shop'),
	pipeline => { memory_limit => '8MiB' },
	sinks    => [ { kafka => { brokers => $proxy->address, topic_prefix => 'net' } } ])->start;
ok(wait_slot_active($node, 'net'), 'streaming') or diag($worker->log);

my $load = start_load($node, seconds => 3600, clients => 2, rate => 200);
foreach my $round (1 .. 3)
{
	delivers("before reset $round");
	cmp_ok($proxy->reset, '>=', 1, "reset $round hits a connection");
}
delivers('after three resets');
cmp_ok($proxy->cut, '>=', 1, 'cut');
sleep(3);
$proxy->pass;
my $seconds = delivers('after a cut of 3 s');
note(sprintf('%.1f s after it', $seconds));
$proxy->delay(50);
delivers('each packet 50 ms late');
$proxy->delay(0);
$proxy->rate(100_000);
delivers('at 100 kB/s');
$proxy->rate(0);
cmp_ok($proxy->black_hole, '>=', 1, 'black hole');
sleep(5);
$proxy->pass;
$seconds = delivers('after a black hole of 5 s');
note(sprintf('%.1f s after it', $seconds));

# Gone for long, while more comes than fits into memory_limit: 8 KiB rows, 40 MB.
$node->safe_psql('shop', 'CREATE TABLE bulk (id int PRIMARY KEY, body text)');
delivers('before the outage');
my ($quiet) = $worker->memory;
$broker->stop;
# what it had before it went may still be on its way to the slot
my ($confirmed, $was) = (confirmed(), '');
while ($was ne $confirmed)
{
	$was = $confirmed;
	sleep(2);
	$confirmed = confirmed();
}
my ($end, $rows, $negative) = (time() + $outage, 0, 0);
while (time() < $end)
{
	$node->safe_psql('shop', sprintf('INSERT INTO bulk SELECT n, repeat(md5(n::text), 256) FROM generate_series(%d, %d) n', $rows + 1, $rows + 500))
	  if $rows < 5000;
	$rows += 500 if $rows < 5000;
	$negative++ if one_value($node, 'shop',
		"SELECT pg_current_wal_lsn() - confirmed_flush_lsn < 0 FROM pg_replication_slots WHERE slot_name = 'net'") eq 't';
	sleep(0.5);
}
my (undef, $most) = $worker->memory;
cmp_ok($most - $quiet, '<', 48 * 1024, sprintf('broker gone for %d s, %d rows of 8 KiB: memory rose by %.1f MB at most', $outage, $rows, ($most - $quiet) / 1024));
ok($worker->running, 'the worker waits');
is(confirmed(), $confirmed, 'and has confirmed nothing of what is not there');
is($negative, 0, 'pg_current_wal_lsn() - confirmed_flush_lsn was never negative');
$broker->start;
$seconds = delivers('after the outage');
note(sprintf('%.1f s after it', $seconds));
IPC::Run::signal($load->{run}, 'TERM');
finish_load($load, 1);
ok(wait_caught_up($node, 'net'), 'the worker catches up') or diag($worker->log);

my @messages = consume($broker->address, @topics, 'net.public.bulk');
check_order('no event comes twice, each key is in order', 0, @messages);
my ($streamed, $events) = check_transactions('no transaction is torn', @messages);
my $marks = keys %{ { map { read_head($_)->{lsn} => 1 } grep { $_->{value} =~ /PK:mark/ } @messages } };
my $committed = one_value($node, 'shop', 'SELECT count(*) FROM tx') + $marks + $rows / 500;
is($streamed, $committed, "all $committed transactions, $events events: 0 lost, 0 twice");
is($worker->stop, 0, 'a clean stop');
done_testing();

sub confirmed { return one_value($node, 'shop', "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'net'") }

# One passed or failed test: what is committed now is durable in Kafka at some time; in how many seconds.
sub delivers
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $start = time();
	$node->safe_psql('shop', "INSERT INTO stock VALUES ('mark', 'shelf', 1) ON CONFLICT (sku, at) DO UPDATE SET amount = stock.amount + 1");
	ok(wait_caught_up($node, 'net'), "$name: events arrive") or diag($worker->log);
	return time() - $start;
}

# pgbench under a running pipeline into Kafka and a projection: afterwards the four tables of the projection equal the
# source, every event is in Kafka once, and each key's events are in order. In small: the embedded Kafka keeps the last
# 5 MB of a partition (tests/tap/integration has the whole size and a real broker).
use strict;
use warnings;
use CdcTest;
use CdcTest::Kafka;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster();
my $rows = 4000;
run_log([ 'pgbench', '-i', '-q', '-s', '1', '-h', $node->host, '-p', $node->port, 'shop' ]);
$node->safe_psql('shop', "DELETE FROM pgbench_accounts WHERE aid > $rows");

my $worker = CdcTest::Worker->new(
	name  => 'bench',
	dsn   => dsn($node, 'shop'),
	sinks => [ kafka_sink(topic_prefix => 'bench'), postgres_sink($node) ])->start;
my $brokers = $worker->bootstrap;
ok($brokers, 'the embedded Kafka says its address') or diag($worker->log);
ok(wait_slot_active($node, 'bench'), 'the snapshot is done') or diag($worker->log);

my $script = "$PostgreSQL::Test::Utils::tmp_check/tpcb.sql";
append_to_file($script, <<"SQL");
\\set aid random(1, $rows)
\\set bid 1
\\set tid random(1, 10)
\\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;
SQL
my ($output) = run_command(
	[ 'pgbench', '-n', '-c', '4', '-T', '8', '-R', '300', '-f', $script, '-h', $node->host, '-p', $node->port, 'shop' ]);
my ($transactions) = $output =~ /actually processed: (\d+)/;
cmp_ok($transactions, '>', 1500, "pgbench committed $transactions transactions");
ok(wait_caught_up($node, 'bench'), 'the worker catches up') or diag($worker->log);

same_rows($node, "pgbench_$_") foreach qw(accounts tellers branches history);

my @tables   = map { "bench.public.pgbench_$_" } qw(accounts tellers branches history);
my @messages = consume($brokers, @tables);
my %count;
$count{ $_->{topic} }{ read_head($_)->{op} }++ foreach @messages;
is_deeply(
	\%count,
	{   $tables[0] => { r => $rows, u => $transactions },
		$tables[1] => { r => 10,    u => $transactions },
		$tables[2] => { r => 1,     u => $transactions },
		$tables[3] => { c => $transactions } },
	'Kafka has every row of the snapshot and every change, once');
check_order('no event comes twice and each key is in order', 0, @messages);
my ($streamed, $events) = check_transactions('no transaction is torn', @messages);
is($streamed, $transactions,     'as many transactions as pgbench has committed');
is($events,   4 * $transactions, 'of four events each');

my ($last) = grep { $_->{topic} eq $tables[0] && $_->{op} eq 'u' } reverse @messages;
my ($aid, $balance) = $last->{value} =~ /"after":\{"aid":(\d+),"bid":1,"abalance":(-?\d+)/;
is($last->{key}, "{\"aid\":$aid}", 'the message key is the row\'s');
is($worker->stop, 0, 'a clean stop');
done_testing();

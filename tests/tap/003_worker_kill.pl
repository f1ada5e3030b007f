# kill -9 of the worker in mid-stream, several times, once in mid-snapshot and at each of the snapshot's named places: the
# projection ends up as the source is, and each transaction has one row in the ledger.
use strict;
use warnings;
use CdcTest;
use CdcTest::Load;
use Test::More;

my $node = source_cluster(wal_sender_timeout => '5s');
create_load($node, 40000);
my $worker = CdcTest::Worker->new(
	name     => 'killed',
	dsn      => dsn($node, 'shop'),
	pipeline => { snapshot => { resumable => \0 } },    # one that goes on is 047's
	sinks    => [ postgres_sink($node), kafka_sink() ]);

# In the snapshot: what it leaves holds back nothing, and the next start takes a new one.
$worker->start;
ok(wait_until(sub { one_value($node, 'projection', "SELECT to_regclass('item') IS NOT NULL") eq 't' }),
	'the snapshot has begun');
is($worker->kill9, 'signal 9', 'killed in the snapshot');
$node->safe_psql('shop', 'DELETE FROM item WHERE id % 10 = 3');
ok(wait_until(sub { one_value($node, 'shop', 'SELECT count(*) FROM pg_replication_slots') eq '0' }),
	'no slot is left behind');

# At its named places: before the last, where the slot stands, each start takes it anew.
foreach my $place (qw(snapshot_begun snapshot_read snapshot_durable snapshot_finished))
{
	local $ENV{CDC_FAILPOINT} = "$place:kill";
	$worker->start;
	is($worker->wait_exit, 'signal 9', "killed at $place") or diag($worker->log);
	$node->safe_psql('shop', 'DELETE FROM item WHERE id = (SELECT max(id) FROM item)');
	my $left = $place eq 'snapshot_finished' ? 1 : 0;
	ok(wait_until(sub { one_value($node, 'shop', 'SELECT count(*) FROM pg_replication_slots') eq $left }), "$left slots are left");
}

$worker->start;
ok(wait_slot_active($node, 'killed'), 'the stream goes on from the last of them') or diag($worker->log);
unlike($worker->log, qr/snapshot of/, 'which is not taken again');
my $load = start_load($node, seconds => 8, clients => 2, rate => 500);
foreach my $round (1 .. 4)
{
	my $before = arrived($node, 'tx');
	ok(wait_until(sub { arrived($node, 'tx') > $before + 50 }),
		"round $round: events are coming in")
	  or diag($worker->log);
	is($worker->kill9, 'signal 9', "round $round: killed");
	$worker->start;
}
cmp_ok(finish_load($load), '>', 1000, 'pgbench went on all the while');
ok(wait_caught_up($node, 'killed'), 'the worker catches up') or diag($worker->log);

same_rows($node, $_) foreach load_tables();
my $transactions = one_value($node, 'projection', 'SELECT count(*) FROM tx WHERE _seq >= 0');
is(one_value($node, 'projection',
		'SELECT count(*) FROM tx JOIN projection_ledger l ON l.commit_lsn::pg_lsn = tx._commit_lsn WHERE _seq >= 0'),
	$transactions, "each of $transactions transactions has one row in the ledger");
is($worker->stop, 0, 'a clean stop');
done_testing();

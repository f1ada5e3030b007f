# kill -9 of the worker 30 times at random, and at each of its named failpoints, under a workload of all that is hard to
# deliver (CdcTest::RichLoad): the projection equals the source, and every source transaction has one row in the ledger.
use strict;
use warnings;
use CdcTest;
use CdcTest::RichLoad;
use Test::More;

my $node = source_cluster(wal_sender_timeout => '5s', synchronous_commit => 'off');
create_rich_load($node);
my $worker = CdcTest::Worker->new(
	name  => 'kills',
	dsn   => dsn($node, 'shop'),
	sinks => [ postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'kills'), 'streaming') or diag($worker->log);
ok(wait_caught_up($node, 'kills'), 'the tables are there');
# so that the order of rows matters to the projection too
projection_node($node)->safe_psql('projection', 'CREATE UNIQUE INDEX ON doc (slot) WHERE NOT _deleted');
$worker->kill9;
$worker->start;
ok(wait_slot_active($node, 'kills'), 'streaming again');

my $rounds = $ENV{CDC_TEST_KILLS} // 30;
my $load   = start_rich_load($node, seconds => 7200, rate => 300);
my $killed = 0;
foreach my $round (1 .. $rounds)
{
	select(undef, undef, undef, 0.2 + rand(0.8));
	$killed++ if ($worker->kill9 // '') eq 'signal 9';
	$worker->start;
}
is($killed, $rounds, "killed $rounds times at random");
$worker->kill9;
foreach my $point (
	(map { ("postgres.$_\@1", "postgres.$_\@7") } qw(before_change before_position before_commit committed)),
	qw(stream_started@1 sinks_streaming@1 slice_received@1 slice_received@60 before_feedback@1 before_feedback@5 after_feedback@1
	after_feedback@6))
{
	local $ENV{CDC_FAILPOINT} = "$point:kill";
	$worker->start;
	is($worker->wait_exit, 'signal 9', "killed at $point") or diag($worker->log);
}
$worker->start;
stop_rich_load($node, $load);
ok(wait_caught_up($node, 'kills'), 'the worker catches up') or diag($worker->log);

same_rows($node, $_) foreach rich_tables();
my $transactions = one_value($node, 'projection', 'SELECT count(*) FROM tx WHERE _seq >= 0');
is(one_value($node, 'projection',
		'SELECT count(*), count(DISTINCT t.xid) FROM tx t JOIN projection_ledger l ON l.commit_lsn::pg_lsn = t._commit_lsn WHERE _seq >= 0'),
	"$transactions|$transactions", "each of $transactions transactions has one row in the ledger");
is(one_value($node, 'projection', 'SELECT count(*) FROM projection_dead_letter'), 0, 'nothing was refused');
is($worker->stop, 0, 'a clean stop');
done_testing();

# kill -9 of the worker 30 times at random, and at each of its named failpoints, under a workload of all that is hard for a
# projection (unchanged TOAST, keys that move and swap, truncates, rows that come and go, a second unique constraint): the
# projection equals the source, and every source transaction has one row in the ledger.
use strict;
use warnings;
use CdcTest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster(wal_sender_timeout => '5s', synchronous_commit => 'off');
$node->safe_psql('shop', <<'SQL');
CREATE TABLE doc (id int PRIMARY KEY, slot int UNIQUE, big text, tags text[], j jsonb);
ALTER TABLE doc ALTER big SET STORAGE EXTERNAL;
CREATE TABLE swap (id int PRIMARY KEY, name text, big text);
ALTER TABLE swap ALTER big SET STORAGE EXTERNAL;
CREATE TABLE brief (id int PRIMARY KEY, v text);
CREATE TABLE tx (xid bigint PRIMARY KEY DEFAULT pg_current_xact_id()::text::bigint);
INSERT INTO doc SELECT n, n, repeat(n::text, 3000), ARRAY['a', n::text], 'null' FROM generate_series(1, 100) n;
INSERT INTO swap SELECT n, 'row ' || n, repeat(n::text, 3000) FROM generate_series(1, 40) n;
SQL
my $worker = CdcTest::Worker->new(
	name  => 'kills',
	dsn   => dsn($node, 'shop'),
	sinks => [ postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'kills'), 'streaming') or diag($worker->log);

my $script = "$PostgreSQL::Test::Utils::tmp_check/kills.sql";
append_to_file($script, <<'SQL');
\set a random(1, 40)
\set b random(1, 40)
\set d random(1, 100)
\set e random(1, 100)
\set r random(1, 60)
BEGIN;
SELECT pg_advisory_xact_lock(1);
INSERT INTO tx DEFAULT VALUES;
UPDATE doc SET j = jsonb_build_object('n', :r) WHERE id = :d;
SELECT slot AS slot_d FROM doc WHERE id = :d \gset
SELECT slot AS slot_e FROM doc WHERE id = :e \gset
UPDATE doc SET slot = -(:d) WHERE id = :d;
UPDATE doc SET slot = :slot_d WHERE id = :e;
UPDATE doc SET slot = :slot_e WHERE id = :d;
UPDATE swap SET id = -id WHERE id = :a;
UPDATE swap SET id = :a WHERE id = :b;
UPDATE swap SET id = :b WHERE id = -(:a);
INSERT INTO brief VALUES (:r, 'a') ON CONFLICT (id) DO UPDATE SET v = brief.v || :a;
DELETE FROM brief WHERE id = :d;
COMMIT;
SQL
my $truncate = "$PostgreSQL::Test::Utils::tmp_check/truncate.sql";
append_to_file($truncate, "BEGIN; SELECT pg_advisory_xact_lock(1); INSERT INTO tx DEFAULT VALUES; TRUNCATE brief; INSERT INTO brief VALUES (1, 'new'); COMMIT;\n");
my $single = "$PostgreSQL::Test::Utils::tmp_check/single.sql";
append_to_file($single, "INSERT INTO tx DEFAULT VALUES;\n");

sub start_load
{
	my ($seconds) = @_;
	my %load = (output => '');
	$load{run} = IPC::Run::start(
		[ 'pgbench', '--no-vacuum', '-f', "$script\@10", '-f', "$truncate\@1", '-f', "$single\@20", '-c', 4, '-T', $seconds,
			'-h', $node->host, '-p', $node->port, 'shop' ], '>', \$load{output}, '2>&1');
	return \%load;
}

$node->safe_psql('shop', "INSERT INTO tx DEFAULT VALUES; INSERT INTO brief VALUES (1, 'new')");
ok(wait_caught_up($node, 'kills'), 'the tables are there');
# so that the order of rows matters to the projection too
projection_node($node)->safe_psql('projection', 'CREATE UNIQUE INDEX ON doc (slot) WHERE NOT _deleted');
$worker->kill9;
$worker->start;
ok(wait_slot_active($node, 'kills'), 'streaming again');

my $rounds = $ENV{CDC_TEST_KILLS} // 30;
my $load   = start_load($rounds * 1.2 + 20);
my $killed = 0;
foreach my $round (1 .. $rounds)
{
	select(undef, undef, undef, 0.2 + rand(0.8));
	$killed++ if ($worker->kill9 // '') eq 'signal 9';
	$worker->start;
}
is($killed, $rounds, "killed $rounds times at random");
$worker->kill9;
foreach my $point (qw(before_change before_position before_commit committed))
{
	foreach my $passing (1, 7)
	{
		local $ENV{CDC_FAILPOINT} = "postgres.$point\@$passing:kill";
		$worker->start;
		is($worker->wait_exit, 'signal 9', "killed at postgres.$point, passing $passing") or diag($worker->log);
	}
}
$worker->start;
IPC::Run::finish($load->{run});
like($load->{output}, qr/actually processed: [1-9]\d\d/, 'pgbench went on all the while') or diag($load->{output});
ok(wait_caught_up($node, 'kills'), 'the worker catches up') or diag($worker->log);

same_rows($node, $_) foreach qw(doc swap brief tx);
my $transactions = one_value($node, 'projection', 'SELECT count(*) FROM tx WHERE _seq >= 0');
is(one_value($node, 'projection',
		'SELECT count(*), count(DISTINCT t.xid) FROM tx t JOIN projection_ledger l ON l.commit_lsn::pg_lsn = t._commit_lsn WHERE _seq >= 0'),
	"$transactions|$transactions", "each of $transactions transactions has one row in the ledger");
is(one_value($node, 'projection', 'SELECT count(*) FROM projection_dead_letter'), 0, 'nothing was refused');
is($worker->stop, 0, 'a clean stop');
done_testing();

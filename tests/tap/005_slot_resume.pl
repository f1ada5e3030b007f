# A worker that was stopped goes on where it was; and on an idle database, in a busy cluster, the slot's position moves
# on, so that it does not hold back the cluster's WAL.
use strict;
use warnings;
use CdcTest;
use CdcTest::Load;
use Test::More;

my $node = source_cluster();
create_load($node);
my $worker = CdcTest::Worker->new(
	name  => 'resume',
	dsn   => dsn($node, 'shop'),
	sinks => [ postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'resume'), 'streaming') or diag($worker->log);
$node->safe_psql('shop', "INSERT INTO tx SELECT n, 1 FROM generate_series(1, 5) n");
ok(wait_caught_up($node, 'resume'), 'caught up');
is($worker->stop, 0, 'a clean stop');
my $stopped_at = one_value($node, 'shop', "SELECT confirmed_flush_lsn FROM pg_replication_slots");

$node->safe_psql('shop', "INSERT INTO tx VALUES ($_, 2)") foreach (6 .. 10);
$node->safe_psql('shop', "UPDATE item SET qty = -1 WHERE id <= 10; DELETE FROM stock WHERE sku = 'sku7'");
is(one_value($node, 'shop', "SELECT confirmed_flush_lsn FROM pg_replication_slots"),
	$stopped_at, 'the slot keeps what is written while no worker runs');
$worker->start;
ok(wait_caught_up($node, 'resume'), 'caught up after the next start') or diag($worker->log);
same_rows($node, $_) foreach load_tables();
is(one_value($node, 'projection', 'SELECT count(*) FROM tx JOIN projection_ledger l ON l.commit_lsn::pg_lsn = tx._commit_lsn'),
	10, 'the ledger knows each transaction once (the first had five rows)');

# Idle here, busy next door: 32 MB of WAL of another database.
my $before = one_value($node, 'shop', "SELECT confirmed_flush_lsn FROM pg_replication_slots");
$node->safe_psql('postgres', "CREATE TABLE noise AS SELECT n, repeat('x', 1000) FROM generate_series(1, 30000) n");
ok(wait_caught_up($node, 'resume'), 'the position moves past another database\'s writes');
cmp_ok(one_value($node, 'shop', "SELECT confirmed_flush_lsn - '$before' FROM pg_replication_slots"),
	'>', 30_000_000, 'by all that it has written');
ok(wait_until(sub { one_value($node, 'projection', "SELECT end_lsn - '$before'::pg_lsn > 30000000 FROM projection_position") eq 't' }),
	'the stored position follows');
is(one_value($node, 'projection', 'SELECT count(*) FROM projection_ledger'),
	one_value($node, 'projection', 'SELECT count(DISTINCT commit_lsn) FROM projection_ledger'), 'the ledger has no repetition');
is($worker->stop, 0, 'a clean stop');

$worker->start;
ok(wait_slot_active($node, 'resume'), 'it starts again from a position beyond its last transaction') or diag($worker->log);
$node->safe_psql('shop', 'INSERT INTO tx VALUES (11, 3)');
ok(wait_caught_up($node, 'resume'), 'and goes on');
same_rows($node, 'tx');
is($worker->stop, 0, 'a clean stop');
done_testing();

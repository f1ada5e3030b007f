# The snapshot is taken while the tables are being written, and streaming goes on where it ends: nothing is lost between
# them and nothing applied twice.
use strict;
use warnings;
use CdcTest;
use CdcTest::Load;
use Test::More;

my $node = source_cluster();
create_load($node, 20000);
my $worker = CdcTest::Worker->new(
	name  => 'handover',
	dsn   => dsn($node, 'shop'),
	# Many small ranges, more readers than processors: what several readers together may lose or repeat.
	pipeline => { snapshot => { chunk_rows => 100, readers => 4 } },
	sinks    => [ postgres_sink($node) ]);

my $load = start_load($node, seconds => 6, clients => 3, rate => 600);
wait_until(sub { one_value($node, 'shop', 'SELECT count(*) FROM tx') > 100 });
$worker->start;
ok(wait_slot_active($node, 'handover'), 'the slot is there, and streaming has begun, while pgbench writes')
  or diag($worker->log);
my $transactions = finish_load($load);
cmp_ok($transactions, '>', 1000, "pgbench committed $transactions transactions");
ok(wait_caught_up($node, 'handover'), 'the worker catches up') or diag($worker->log);

same_rows($node, $_) foreach load_tables();
my ($snapshot, $streamed) = split /\|/,
  one_value($node, 'projection', 'SELECT count(*) FILTER (WHERE _seq IS NULL), count(*) FILTER (WHERE _seq >= 0) FROM tx');
cmp_ok($snapshot, '>', 0, "$snapshot of the transactions came by the snapshot");
cmp_ok($streamed, '>', 0, "$streamed came by the stream");
is(one_value($node, 'projection',
		'SELECT count(DISTINCT _commit_lsn) FROM tx WHERE _seq >= 0 AND NOT EXISTS (SELECT FROM projection_ledger l'
	  . ' WHERE l.commit_lsn::pg_lsn = tx._commit_lsn)'),
	0, 'every streamed transaction is in the ledger');
is(one_value($node, 'shop', 'SELECT count(*) FROM pg_replication_slots'), 1, 'no slot is left over from the snapshot');
is($worker->stop, 0, 'a clean stop');
like($worker->log, qr/snapshot of \d+ tables at [0-9A-F\/]+, 4 readers/, 'several readers shared the tables');

# With the slot there already, a start takes no snapshot again.
$worker->start;
ok(wait_slot_active($node, 'handover'), 'it starts again');
$node->safe_psql('shop', "INSERT INTO tx VALUES (1, -1)");
ok(wait_caught_up($node, 'handover'), 'and goes on');
is(one_value($node, 'projection', 'SELECT count(*) FROM tx WHERE _seq IS NULL'), $snapshot, 'without a second snapshot');
same_rows($node, 'tx');
is($worker->stop, 0, 'a clean stop');
done_testing();

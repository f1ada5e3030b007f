# The source's server stops without a farewell, in mid-stream, and comes back: the worker waits for it and goes on,
# without a restart of its own. The slot's position goes back by such a stop: nothing may be applied twice.
use strict;
use warnings;
use CdcTest;
use CdcTest::Load;
use Test::More;

my $node   = source_cluster();
my $target = projection_node($node);
create_load($node);
my $worker = CdcTest::Worker->new(
	name  => 'survivor',
	dsn   => dsn($node, 'shop'),
	sinks => [ postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'survivor'), 'streaming') or diag($worker->log);
my $pid = $worker->pid;

foreach my $how (qw(immediate immediate fast))
{
	my $load   = start_load($node, seconds => 30, clients => 2, rate => 400);
	my $before = arrived($node, 'tx');
	ok(wait_until(sub { arrived($node, 'tx') > $before + 200 }),
		'events are coming in');
	$node->stop($how);
	finish_load($load, 1);
	$node->start;
	ok(wait_slot_active($node, 'survivor'), "streaming again after a stop of mode $how") or diag($worker->log);
}
ok(wait_caught_up($node, 'survivor'), 'the worker catches up') or diag($worker->log);
ok($worker->running && $worker->pid == $pid, 'the worker is the one that was started');

same_rows($node, $_) foreach load_tables();
is(one_value($node, 'projection',
		'SELECT count(*) FROM tx JOIN projection_ledger l ON l.commit_lsn::pg_lsn = tx._commit_lsn WHERE _seq >= 0'),
	one_value($node, 'projection', 'SELECT count(*) FROM tx WHERE _seq >= 0'),
	'each transaction has one row in the ledger');

# The target's turn.
$target->stop('immediate');
$node->safe_psql('shop', 'INSERT INTO tx (xid, client) VALUES (1, -1)');
ok($worker->wait_log(qr/postgres.*(retry|again|reopen)/i), 'a target that is gone is said so') or diag($worker->log);
$target->start;
ok(wait_caught_up($node, 'survivor'), 'what was written meanwhile arrives') or diag($worker->log);
same_rows($node, 'tx');
is($worker->stop, 0, 'a clean stop');
done_testing();

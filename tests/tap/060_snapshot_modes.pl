# What each snapshot.mode does where there is nothing yet, where a slot stands, and where it was lost.
use strict;
use warnings;
use CdcTest;
use Test::More;

my $node = source_cluster();
$node->safe_psql('shop', 'CREATE TABLE a (id int PRIMARY KEY, v text);'
	  . " INSERT INTO a SELECT g, 'first' FROM generate_series(1, 500) g");

sub worker
{
	my ($mode) = @_;
	return CdcTest::Worker->new(
		name     => 'modes',
		dsn      => dsn($node, 'shop'),
		pipeline => { snapshot => { mode => $mode, chunk_rows => 100 } },
		sinks    => [ postgres_sink($node) ]);
}

# The point of the snapshot that the projection's rows are of.
sub snapshot_points { return one_value($node, 'projection', 'SELECT count(DISTINCT _commit_lsn) FROM a WHERE _seq IS NULL') }

# initial_only: reads, leaves no slot, ends by itself; and again, with what is there then.
my $worker = worker('initial_only')->start;
is($worker->wait_exit, 0, 'initial_only ends by itself') or diag($worker->log);
same_rows($node, 'a');
is(one_value($node, 'shop', 'SELECT count(*) FROM pg_replication_slots'), 0, 'and leaves no slot');
$node->safe_psql('shop', "DELETE FROM a WHERE id > 400; UPDATE a SET v = 'second' WHERE id < 10");
$worker->start;
is($worker->wait_exit, 0, 'a second run reads again');
same_rows($node, 'a');

# initial goes on from there, with a snapshot of its own.
$worker = worker('initial')->start;
ok(wait_slot_active($node, 'modes'), 'initial takes a snapshot and streams');
$node->safe_psql('shop', "INSERT INTO a VALUES (1000, 'streamed')");
ok(wait_caught_up($node, 'modes'), 'changes come') or diag($worker->log);
same_rows($node, 'a');
is($worker->stop, 0, 'a clean stop');

# Once it streamed, initial_only would replace what came since.
$worker = worker('initial_only')->start;
is($worker->wait_exit, 1, 'initial_only beside a slot is refused');
like($worker->log, qr/leaves no slot, but the slot "modes" exists/, 'and says why');

# when_needed goes on like initial …
$worker = worker('when_needed')->start;
ok(wait_slot_active($node, 'modes'), 'when_needed streams on');
is($worker->stop, 0, 'a clean stop');
unlike($worker->log, qr/snapshot of \d+ tables/, 'without a snapshot');

# … and reads again where the slot was dropped, with changes that nobody will see.
$node->safe_psql('shop', "SELECT pg_drop_replication_slot('modes');"
	  . " DELETE FROM a WHERE id BETWEEN 100 AND 200; INSERT INTO a VALUES (1001, 'unseen')");
$worker->start;
ok($worker->wait_log(qr/a new snapshot replaces what the sinks have: .* does not exist, but/), 'a loss is told')
  or diag($worker->log);
ok(wait_slot_active($node, 'modes'), 'when_needed takes a snapshot after a loss');
$node->safe_psql('shop', "UPDATE a SET v = 'after' WHERE id = 1001");
ok(wait_caught_up($node, 'modes'), 'and streams') or diag($worker->log);
same_rows($node, 'a');
is($worker->stop, 0, 'a clean stop');

# always: a snapshot at every start, none when a connection is lost.
$node->safe_psql('shop', "DELETE FROM a WHERE id < 50");
$worker = worker('always')->start;
ok($worker->wait_log(qr/replication slot "modes" dropped/), 'always drops the slot') or diag($worker->log);
ok($worker->wait_log(qr/streaming from/), 'and streams from its own');
is(snapshot_points(), 1, 'all rows are of the new snapshot');
same_rows($node, 'a');
$worker->forget_log;
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'modes'");
ok($worker->wait_log(qr/streaming from/), 'it goes on after a lost connection') or diag($worker->log);
$node->safe_psql('shop', "INSERT INTO a VALUES (1002, 'streamed')");
ok(wait_caught_up($node, 'modes'), 'with the stream');
unlike($worker->log, qr/snapshot of \d+ tables/, 'not with another snapshot');
same_rows($node, 'a');
is($worker->stop, 0, 'a clean stop');
done_testing();

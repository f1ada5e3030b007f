# Where others lose or repeat: an idle worker that is stopped and started over one more row; kill -9 in the middle of a backlog;
# a worker that freezes, loses its slot to another, and wakes up; a target connection that goes dead without a word.
use strict;
use warnings;
use CdcTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster(wal_sender_timeout => '3s', synchronous_commit => 'off');
$node->safe_psql('shop', 'CREATE TABLE row (id int PRIMARY KEY, v text); INSERT INTO row VALUES (0, NULL)');
my %common = (dsn => dsn($node, 'shop'), sinks => [ postgres_sink($node) ]);
my $worker = CdcTest::Worker->new(name => 'again', %common)->start;
ok(wait_slot_active($node, 'again'), 'streaming') or diag($worker->log);

# Idle, clean stop, one more row, start again.
my ($lost, $ahead) = (0, 0);
foreach my $n (1 .. 10)
{
	$node->safe_psql('shop', $n % 3 == 0 ? 'SELECT pg_switch_wal()' : 'CHECKPOINT');
	wait_caught_up($node, 'again');
	is($worker->stop, 0, "round $n: an idle worker stops") or diag($worker->log);
	$ahead += one_value($node, 'shop', 'SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn > pg_current_wal_lsn()');
	$node->safe_psql('shop', "INSERT INTO row VALUES ($n, 'round')");
	$worker->start;
	$lost++ unless wait_until(sub { one_value($node, 'projection', "SELECT count(*) FROM row WHERE id = $n") eq '1' }, 20);
}
is($lost, 0, 'ten times idle, stopped, one more row, started: no row is lost');
is($ahead, 0, 'and never was more confirmed than there is');

# A backlog, and kill -9 in the middle of it.
$worker->stop;
$node->safe_psql('shop', q{DO $$ BEGIN FOR n IN 1000 .. 40999 LOOP INSERT INTO row VALUES (n, 'backlog'); COMMIT; END LOOP; END $$});
my $ledger = sub { one_value($node, 'projection', 'SELECT count(*) FROM projection_ledger') };
my $before = $ledger->();
$worker->start;
my $applied = $before;
foreach my $part (1 .. 3)
{
	ok(wait_until(sub { $ledger->() > $applied + 1000 }), "part $part of the backlog is being applied") or diag($worker->log);
	$worker->kill9;
	$applied = $ledger->();
	cmp_ok($applied, '<', $before + 40000, "killed after " . ($applied - $before) . ' transactions of 40000');
	is(one_value($node, 'shop', "SELECT confirmed_flush_lsn >= (SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'again') "
			. "FROM pg_replication_slots WHERE slot_name = 'again'"), 't', 'the slot stands');
	$worker->start;
}
ok(wait_caught_up($node, 'again'), 'the worker catches up') or diag($worker->log);
is($ledger->(), $before + 40000, 'one row in the ledger for each transaction');
same_rows($node, 'row');

# A worker that freezes loses its slot; the second takes over; the first wakes up and writes nothing.
my $second = CdcTest::Worker->new(name => 'again', %common);
$second->{logfile} .= '.second';
$worker->signal('STOP');
$node->safe_psql('shop', "INSERT INTO row VALUES (50000, 'while frozen')");
$second->start;
ok(wait_until(sub { one_value($node, 'projection', 'SELECT count(*) FROM row WHERE id = 50000') eq '1' }), 'the second worker takes over')
  or diag($second->log);
my $fence = one_value($node, 'projection', 'SELECT fence FROM projection_position');
$worker->signal('CONT');
$node->safe_psql('shop', "INSERT INTO row VALUES (50001, 'after')");
ok(wait_until(sub { one_value($node, 'projection', 'SELECT count(*) FROM row WHERE id = 50001') eq '1' }), 'the second goes on') or diag($second->log);
is(one_value($node, 'projection', 'SELECT fence FROM projection_position'), $fence, 'nobody else has taken the projection');
is($worker->stop // 'still there', 0, 'the first waits for its slot until it is stopped') or diag($worker->log);

# The target goes dead without closing the connection: noticed, and gone on.
my $backend = one_value($node, 'projection', "SELECT pid FROM pg_stat_activity WHERE application_name = 'cdc-worker again'");
kill('STOP', $backend);
$node->safe_psql('shop', "INSERT INTO row VALUES (50002, 'dead target')");
ok(!wait_until(sub { one_value($node, 'projection', 'SELECT count(*) FROM row WHERE id = 50002') eq '1' }, 2), 'nothing moves');
kill('CONT', $backend);
ok(wait_until(sub { one_value($node, 'projection', 'SELECT count(*) FROM row WHERE id = 50002') eq '1' }), 'and it goes on when the target does');
same_rows($node, 'row');
is($second->stop, 0, 'a clean stop');
done_testing();

# SIGTERM: what is open is finished, all is confirmed, exit code 0, within shutdown_timeout whatever the sink does. A second
# signal ends it at once. SIGHUP is the same, unless the worker was started without it.
use strict;
use warnings;
use CdcTest;
use CdcTest::Load;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(time);

my $node = source_cluster();
create_load($node);
my $worker = CdcTest::Worker->new(
	name     => 'polite',
	dsn      => dsn($node, 'shop'),
	pipeline => { shutdown_timeout => '20s' },
	sinks    => [ postgres_sink($node), kafka_sink() ])->start;
ok(wait_slot_active($node, 'polite'), 'streaming') or diag($worker->log);

# In mid-stream, for both signals: the slot's position is what the projection has.
foreach my $signal (qw(TERM INT))
{
	my $load   = start_load($node, seconds => 3, clients => 2, rate => 500);
	my $before = arrived($node, 'tx');
	ok(wait_until(sub { arrived($node, 'tx') > $before + 100 }), 'events are coming in');
	my $start = time();
	$worker->signal($signal);
	is($worker->wait_exit, 0, "SIG$signal: exit code 0") or diag($worker->log);
	cmp_ok(time() - $start, '<', 5, 'in good time');
	is(one_value($node, 'projection', 'SELECT end_lsn FROM projection_position'),
		one_value($node, 'shop', "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'polite'"),
		'what is durable is confirmed');
	finish_load($load);
	$worker->start;
	ok(wait_caught_up($node, 'polite'), 'goes on') or diag($worker->log);
	same_rows($node, $_) foreach load_tables();
}

# A sink that stands still: the first signal waits for it, the second does not.
my ($in, $out) = ("BEGIN; LOCK TABLE tx IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n", '');
my $lock = IPC::Run::start([ 'psql', '-XAtq', '-d', dsn($node, 'projection') ], '<', \$in, '>', \$out);
$lock->pump until $out =~ /locked/;
$node->safe_psql('shop', 'INSERT INTO tx VALUES (1, -1)');
ok(wait_until(sub { one_value($node, 'projection', "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0 }), 'the sink waits');
$worker->signal('TERM');
is($worker->wait_exit(2), undef, 'the first signal waits for the sink');
my $start = time();
$worker->signal('TERM');
my $code = $worker->wait_exit;
isnt($code, 0, 'the second ends it: not with 0') or diag($worker->log);
cmp_ok(time() - $start, '<', 1, 'at once');
$in .= "ROLLBACK;\n\\q\n";
$lock->finish;

# Whatever this test was started by, the terminal's end counts.
{
	local $SIG{HUP} = 'DEFAULT';
	$worker->start;
}
ok(wait_caught_up($node, 'polite'), 'the next start goes on') or diag($worker->log);
same_rows($node, 'tx');
$worker->signal('HUP');
is($worker->wait_exit, 0, 'SIGHUP: exit code 0') or diag($worker->log);
is(one_value($node, 'projection', 'SELECT end_lsn FROM projection_position'),
	one_value($node, 'shop', "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'polite'"),
	'SIGHUP: what is durable is confirmed');
{
	local $SIG{HUP} = 'IGNORE';
	$worker->start;
}
ok(wait_slot_active($node, 'polite'), 'started as by nohup') or diag($worker->log);
$worker->signal('HUP');
is($worker->wait_exit(1), undef, 'it goes on after SIGHUP') or diag($worker->log);
is($worker->stop, 0, 'a clean stop');

# A target that does not even answer: the worker is gone when shutdown_timeout is over.
my $stuck = CdcTest::Worker->new(
	name     => 'polite',
	dsn      => dsn($node, 'shop'),
	pipeline => { shutdown_timeout => '8s' },
	sinks    => [ postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'polite'), 'streaming again') or diag($stuck->log);
ok(wait_caught_up($node, 'polite'), 'caught up') or diag($stuck->log);
my $backend = one_value($node, 'projection', "SELECT pid FROM pg_stat_activity WHERE application_name = 'cdc-worker polite'");
kill('STOP', $backend);
# A table that it has to make: it waits for the answer.
$node->safe_psql('shop', 'CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1)');
sleep(1);
$start = time();
$stuck->signal('TERM');
is($stuck->wait_exit(60), 1, 'a target that hangs: exit code 1') or diag($stuck->log);
my $took = time() - $start;
kill('CONT', $backend);
cmp_ok($took, '>', 4, 'it is waited for');
cmp_ok($took, '<', 14, sprintf('within shutdown_timeout (8 s): %.1f s', $took));
like($stuck->log, qr/still busy after shutdown_timeout/, 'and said so');
$stuck->start;
ok(wait_caught_up($node, 'polite'), 'the next start goes on') or diag($stuck->log);
same_rows($node, 'late');
is($stuck->stop, 0, 'a clean stop');

# While it waits for something that does not come.
my $waiting = CdcTest::Worker->new(
	name  => 'waiting',
	dsn   => "host=/nonexistent dbname=shop",
	sinks => [ { stdout => {} } ])->start;
ok($waiting->wait_log(qr/nonexistent/), 'a server that is not there is said so') or diag($waiting->log);
ok($waiting->running, 'the worker waits for it');
is($waiting->stop(5), 0, 'and stops cleanly') or diag($waiting->log);
done_testing();

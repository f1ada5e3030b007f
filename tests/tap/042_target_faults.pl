# What happens to a projection's database: stopped at once under load, a deadlock with another session, timeouts that its
# operator has set, a cancelled statement, an ended session, a disk that is full. The worker goes on by itself, nothing is
# lost and nothing applied twice.
use strict;
use warnings;
use CdcTest;
use CdcTest::Load;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(time sleep);

my $node   = source_cluster(synchronous_commit => 'off');
my $target = projection_node($node);
create_load($node);
$node->safe_psql('shop', "CREATE TABLE pair (id int PRIMARY KEY, v int); INSERT INTO pair VALUES (1, 0), (2, 0)");
# A role with settings of an operator that must not end the worker's statements.
$target->safe_psql('projection',
	"CREATE ROLE keeper SUPERUSER LOGIN; ALTER ROLE keeper SET lock_timeout = '200ms'; ALTER ROLE keeper SET statement_timeout = '200ms'");
my $keeper = dsn($node, 'projection') =~ s/user=\S+/user=keeper/r;
my $worker = CdcTest::Worker->new(name => 'target', dsn => dsn($node, 'shop'), sinks => [ postgres_sink($node, dsn => $keeper) ])->start;
ok(wait_slot_active($node, 'target'), 'streaming') or diag($worker->log);
my $mine = "application_name = 'cdc-worker target'";

my $load = start_load($node, seconds => 600, clients => 2, rate => 300);
foreach my $round (1 .. 3)
{
	arrives("before stop $round");
	$target->stop('immediate');
	sleep(0.5);
	$target->start;
	my $start = time();
	arrives("the target was stopped at once and started, round $round");
	note(sprintf('events %.1f s after its start', time() - $start));
}
foreach my $round (1 .. 3)
{
	ok(wait_until(sub { end_sessions($node, 'projection', "SELECT pid FROM pg_stat_activity WHERE $mine") }),
		"its session is ended, round $round");
	arrives("after end $round of its session");
}
IPC::Run::signal($load->{run}, 'TERM');
finish_load($load, 1);
wait_caught_up($node, 'target');

# A lock that is held for ten times lock_timeout and statement_timeout.
my $other = session();
$other->("BEGIN; LOCK TABLE pair IN SHARE MODE");
$node->safe_psql('shop', 'UPDATE pair SET v = 1 WHERE id = 1');
$worker->forget_log;
my $waits = "SELECT count(*) FROM pg_stat_activity WHERE $mine AND wait_event_type = 'Lock'";
ok(wait_until(sub { one_value($node, 'projection', $waits) eq '1' }), 'it waits for a lock');
sleep(2);
is($worker->log, '', 'lock_timeout and statement_timeout of its role do not touch it: it waits for 2 s');
is(one_value($node, 'projection', $waits), 1, 'and still does');
# An operator cancels the statement.
one_value($node, 'projection', "WITH mine AS MATERIALIZED (SELECT pid FROM pg_stat_activity WHERE $mine) SELECT pg_cancel_backend(pid) FROM mine");
ok($worker->wait_log(qr/57014.*trying again|trying again.*57014/s), 'its statement is cancelled: it tries again') or diag($worker->log);
$other->('COMMIT');
ok(wait_caught_up($node, 'target'), 'and goes on') or diag($worker->log);
same_rows($node, 'pair');

# A deadlock of which it is the victim: the other session would wait for a deadlock for ever.
$other->("SET deadlock_timeout = '100s'; BEGIN; UPDATE pair SET v = 20 WHERE id = 2");
$node->safe_psql('shop', 'BEGIN; UPDATE pair SET v = 31 WHERE id = 1; INSERT INTO tx (xid, client) VALUES (-5, 1); UPDATE pair SET v = 32 WHERE id = 2; COMMIT');
ok(wait_until(sub { one_value($node, 'projection', $waits) eq '1' }),
	'it holds one row and waits for another');
$other->('UPDATE pair SET v = 10 WHERE id = 1', 1);
ok($worker->wait_log(qr/deadlock detected/), 'a deadlock: it is the victim') or diag($worker->log);
$other->('ROLLBACK');
ok(wait_caught_up($node, 'target'), 'and goes on') or diag($worker->log);
same_rows($node, 'pair');

SKIP:
{
	skip('no disk of a few MB: CDC_SMALL_DISK names none (only root can mount one)', 5) unless $ENV{CDC_SMALL_DISK};
	mkdir "$ENV{CDC_SMALL_DISK}/space";
	$target->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$ENV{CDC_SMALL_DISK}/space'");
	$node->safe_psql('shop', "CREATE TABLE wide (id int PRIMARY KEY, body text); INSERT INTO wide VALUES (0, '')");
	wait_caught_up($node, 'target');
	$target->safe_psql('projection', 'ALTER TABLE wide SET TABLESPACE small');
	my $ballast = "$ENV{CDC_SMALL_DISK}/ballast";
	open(my $file, '>', $ballast) or die "ballast: $!";
	binmode($file);
	1 while syswrite($file, 'x' x 65536);
	ok($!{ENOSPC}, 'the disk of a table in the projection is full');
	$node->safe_psql('shop', "INSERT INTO wide SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 3000) n; INSERT INTO tx (xid, client) VALUES (-6, 1)");
	ok($worker->wait_log(qr/53100.*trying again/), 'it says so and tries again') or diag($worker->log);
	sleep(2);
	ok($worker->running, 'for as long as it takes');
	unlink $ballast;
	close($file);
	my $start = time();
	ok(wait_caught_up($node, 'target'), 'and goes on when there is room') or diag($worker->log);
	note(sprintf('%.1f s after', time() - $start));
	same_rows($node, 'wide');
}

my $transactions = one_value($node, 'shop', 'SELECT count(*) FROM tx');
same_rows($node, $_) foreach load_tables();
is(one_value($node, 'projection',
		'SELECT count(*), count(DISTINCT tx.xid) FROM tx JOIN projection_ledger l ON l.commit_lsn::pg_lsn = tx._commit_lsn WHERE _seq >= 0'),
	"$transactions|$transactions", "$transactions transactions, each with one row in the ledger: 0 lost, 0 twice");
is(one_value($node, 'projection', 'SELECT count(*) FROM projection_dead_letter'), 0, 'nothing was refused');
is($worker->stop, 0, 'a clean stop');
done_testing();

# A session of somebody else in the projection: a function that runs commands; with a second argument it does not wait for them.
sub session
{
	my ($in, $out, $count) = ('', '', 0);
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', dsn($node, 'projection') ], '<', \$in, '>', \$out, '2>&1');
	return sub {
		my ($commands, $go_on) = @_;
		$count++;
		$in .= "$commands;\nSELECT 'done $count';\n";
		$psql->pump_nb;
		return if $go_on;
		$psql->pump until $out =~ /done $count/;
		return;
	};
}

# What is committed from now on arrives.
sub arrives
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $mark = one_value($node, 'shop', "UPDATE pair SET v = v + 1 WHERE id = 1 RETURNING v");
	return ok(wait_until(sub { (($target->psql('projection', 'SELECT v FROM pair WHERE id = 1'))[1] // '') eq $mark }), "$name: events arrive")
	  || diag($worker->log);
}

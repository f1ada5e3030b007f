# What happens to a source: its server killed, stopped at once, restarted; its walsender ended; a sink that stands still
# longer than wal_sender_timeout; a slot that somebody else takes; a second worker. Nothing is lost, nothing applied twice.
use strict;
use warnings;
use CdcTest;
use CdcTest::Load;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $node = source_cluster(wal_sender_timeout => '1s');
create_load($node);
my @same   = (name => 'faults', dsn => dsn($node, 'shop'), sinks => [ postgres_sink($node) ]);
my $worker = CdcTest::Worker->new(@same)->start;
ok(wait_slot_active($node, 'faults'), 'streaming') or diag($worker->log);

# The server's ends, each under load.
foreach my $end (qw(kill9 immediate fast))
{
	my $load   = start_load($node, seconds => 60, clients => 2, rate => 300);
	my $before = arrived($node, 'tx');
	ok(wait_until(sub { arrived($node, 'tx') > $before + 150 }), "before $end: events are coming in") or diag($worker->log);
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	$end eq 'kill9' ? $node->kill9 : $node->stop($end);
	finish_load($load, 1);
	# what the killed one has left behind may need a moment to notice
	wait_until(sub { !kill(0, $postmaster) });
	wait_until(sub { $node->start(fail_ok => 1) }) or die 'the server does not start again';
	my $start = time();
	ok(wait_slot_active($node, 'faults'), "$end: streaming again") or diag($worker->log);
	note(sprintf('%s: %.1f s after the server was back', $end, time() - $start));
}

# Its walsender ended by an operator, 5 times.
my $load = start_load($node, seconds => 10, clients => 2, rate => 300);
my $longest = 0;
foreach my $round (1 .. 5)
{
	my $ended = wait_until(sub {
		one_value($node, 'shop', "SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'faults' AND active AND pg_terminate_backend(active_pid)") });
	my $start = time();
	ok(wait_until(sub { one_value($node, 'shop', "SELECT active AND active_pid <> $ended FROM pg_replication_slots WHERE slot_name = 'faults'") eq 't' }),
		"round $round: walsender $ended was ended, another is there") or diag($worker->log);
	$longest = time() - $start if time() - $start > $longest;
	sleep(0.3);
}
cmp_ok($longest, '<', 30, sprintf('walsender ended 5 times: streaming again after %.1f s at most', $longest));

# A sink that stands still, for three times wal_sender_timeout. A busy machine may keep the worker from answering in time: that is
# why it may need another try.
my ($in, $out) = ("BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n", '');
my $lock = IPC::Run::start([ 'psql', '-XAtq', '-d', dsn($node, 'projection') ], '<', \$in, '>', \$out);
$lock->pump until $out =~ /locked/;
my ($before, $after, $tries) = ('', 'none', 0);
while ($before ne $after && $tries++ < 6)
{
	wait_slot_active($node, 'faults');
	$before = walsender();
	sleep(3);
	$after = walsender();
}
is($after, $before, "wal_sender_timeout of 1 s, the sink stands still: the same walsender after 3 s (try $tries)");
$in .= "ROLLBACK;\n\\q\n";
$lock->finish;
finish_load($load);
ok(wait_caught_up($node, 'faults'), 'caught up') or diag($worker->log);
all_is_there('after all ends');

# A second worker stands by and takes over.
my $second = CdcTest::Worker->new(@same);
$second->{logfile} .= '.second';
$load = start_load($node, seconds => 4, clients => 2, rate => 300);
$second->start;
ok($second->wait_log(qr/standing by/), 'a second worker stands by') or diag($second->log);
my $start = time();
$worker->kill9;
ok($second->wait_log(qr/streaming from/), 'it takes over') or diag($second->log);
my $seconds = time() - $start;
cmp_ok($seconds, '<', 30, sprintf('%.1f s after the first was killed', $seconds));
finish_load($load);
ok(wait_caught_up($node, 'faults'), 'caught up') or diag($second->log);
all_is_there('after the second took over');

# A thief that confirms nothing: the worker has it back when the thief is gone.
# The load comes behind it: a walsender that is ended can't go while a frozen worker's socket is full.
my $thief = steal($second, 0);
$load = start_load($node, seconds => 4, clients => 2, rate => 200);
ok($second->wait_log(qr/standing by/), 'the slot was stolen by pg_recvlogical: the worker stands by') or diag($second->log);
finish_load($load);
kill_thief($thief);
$start = time();
ok($second->wait_log(qr/standing by.*streaming from/s), 'and goes on when the thief is gone') or diag($second->log);
note(sprintf('%.1f s after', time() - $start));
ok(wait_caught_up($node, 'faults'), 'caught up') or diag($second->log);
all_is_there('after the theft');

# A thief that confirms what it reads: its events would be lost without a word. They are not: the worker ends and says so.
$node->safe_psql('shop', 'INSERT INTO tx (xid, client) VALUES (-1, 0)');
wait_caught_up($node, 'faults');
$thief = steal($second, 1);
$node->safe_psql('shop', 'INSERT INTO tx (xid, client) VALUES (-2, 0)');
my $end = one_value($node, 'shop', 'SELECT pg_current_wal_lsn()');
ok($node->poll_query_until('shop', "SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = 'faults'"),
	'a thief confirms what it reads');
kill_thief($thief);
is($second->wait_exit, 1, 'the worker ends with 1') or diag($second->log);
like($second->log, qr/before the slot's confirmed_flush_lsn/, 'and says that the slot has gone past it');
is(one_value($node, 'projection', 'SELECT count(*) FROM tx WHERE xid = -2'), 0, 'what the thief took is not there: never a quiet jump');
done_testing();

sub walsender { return one_value($node, 'shop', "SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'faults'") }

# Takes the slot from a worker, which is frozen meanwhile: a handle of pg_recvlogical, which confirms every so many seconds, or
# never (0). It confirms also when it is asked, and it is asked where there is a wal_sender_timeout.
sub steal
{
	my ($victim, $interval) = @_;
	my $error = "$PostgreSQL::Test::Utils::tmp_check/thief.err";
	$victim->forget_log;
	$victim->signal('STOP');
	end_sessions($node, 'shop', "SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'faults' AND active");
	my $handle = IPC::Run::start(
		[   'pg_recvlogical', '-d', dsn($node, 'shop') . " application_name=thief options='-c wal_sender_timeout=0'", '--slot=faults', '--start',
			'-f', '/dev/null', "--status-interval=$interval", "--fsync-interval=$interval" ],
		'2>', $error);
	ok(wait_until(sub { one_value($node, 'shop',
			"SELECT count(*) FROM pg_stat_replication JOIN pg_replication_slots ON active_pid = pid WHERE application_name = 'thief'") eq '1' }),
		'pg_recvlogical has the slot') or diag(slurp_file($error));
	$victim->signal('CONT');
	return $handle;
}

# Without a last word: at any other end pg_recvlogical confirms what it has.
sub kill_thief
{
	my ($handle) = @_;
	IPC::Run::signal($handle, 'KILL');
	IPC::Run::finish($handle);
	return;
}

# The projection is the source, and each of its transactions has one row in the ledger.
sub all_is_there
{
	my ($when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	same_rows($node, $_) foreach load_tables();
	my $transactions = one_value($node, 'shop', 'SELECT count(*) FROM tx');
	return is(one_value($node, 'projection',
			'SELECT count(*), count(DISTINCT tx.xid) FROM tx JOIN projection_ledger l ON l.commit_lsn::pg_lsn = tx._commit_lsn WHERE _seq >= 0'),
		"$transactions|$transactions", "$when: $transactions transactions, each with one row in the ledger");
}

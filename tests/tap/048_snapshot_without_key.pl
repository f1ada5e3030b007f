# A table without a key is read in one pass, for which the stream halts: after it the projection has the source's rows, each as
# often as the source, whoever wrote meanwhile and whoever was killed in its middle; and the other tables go on.
use strict;
use warnings;
use CdcTest;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster();
my $rows = 30000;
$node->safe_psql('shop', qq{
	CREATE TABLE measured (n integer, t text, note text);
	ALTER TABLE measured REPLICA IDENTITY FULL;
	INSERT INTO measured SELECT i % 10000, repeat('x', 200), 'first' FROM generate_series(1, $rows) i;
	ANALYZE measured;
	CREATE TABLE other (id bigint PRIMARY KEY, t text);
	CREATE TABLE nothing (n integer);
	CREATE TABLE hidden (id text PRIMARY KEY);
	INSERT INTO hidden VALUES ('a'), ('b'), ('c');
});
# Little memory, so that much of a pass is committed in the projection long before its end.
my $worker = CdcTest::Worker->new(
	name     => 'keyless',
	dsn      => dsn($node, 'shop'),
	pipeline => { memory_limit => '2MiB' },
	sinks    => [ postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'keyless'), 'streaming') or diag($worker->log);

sub command
{
	my ($who, @arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $ENV{CDC_WORKER}, 'snapshot', $arguments[0], '-c', $who->{file}, @arguments[ 1 .. $#arguments ] ],
		'>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

# The newest request of a slot.
sub request
{
	my ($slot, $column) = @_;
	return one_value($node, 'shop', "SELECT $column FROM cdc_envelope.snapshot_signal WHERE slot_name = '$slot' ORDER BY id DESC LIMIT 1");
}

sub ends_as
{
	my ($who, $state, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_until(sub { request($who->{name}, 'state') =~ /^(done|failed|stopped)$/ });
	return is(request($who->{name}, 'state'), $state, $what) || diag(request($who->{name}, 'message'), $who->log);
}

sub spoil { return one_value($node, 'projection', "UPDATE measured SET note = 'spoilt'") }

# all are asked for: it is left out, and said so; by its name, on an idle source
my ($code, $out, $err) = command($worker, 'start');
is($code, 0, 'all tables are asked for') or diag($err);
like($err, qr/measured is left out: it has no key, and would halt the stream: name it with --table/, 'one without a key is left out, and said so');
ends_as($worker, 'done', 'the others are read');
($code) = command($worker, 'start', '--table', 'public.nothing');
ends_as($worker, 'done', 'an empty table on an idle source');
spoil();
command($worker, 'start', '--table', 'public.measured');
ends_as($worker, 'done', 'and one with rows');
is(request('keyless', 'rows_read'), $rows, '… all of them');
same_rows($node, 'measured');
like($worker->log, qr/WARN.*snapshot \d+ of public\.measured: the stream is halted at/i, 'the log warns that the stream is halted');
is(one_value($node, 'projection', "SELECT bool_or(refilling) FROM projection_table"), 'f', 'no table is left to be refilled');
is(one_value($node, 'shop', 'SELECT count(*) FROM pg_replication_slots'), 1, 'and no slot but the own');

# what can't be done exactly, or at all, is refused, and the stream goes on
command($worker, 'start', '--table', 'public.measured', '--where', 'n < 10');
ends_as($worker, 'failed', 'a condition, with a projection');
like(request('keyless', 'message'), qr/no key that tells its rows apart.*without a condition/s, '… and it is said why');
my $free = one_value($node, 'shop', "SELECT current_setting('max_replication_slots')::int - count(*) FROM pg_replication_slots");
one_value($node, 'shop', "SELECT count(pg_create_physical_replication_slot('taken_' || i)) FROM generate_series(1, $free) i");
command($worker, 'start', '--table', 'public.measured');
ends_as($worker, 'failed', 'no slot is free');
like(request('keyless', 'message'), qr/all replication slots are in use.*raise max_replication_slots/s, '… and it is said what to do');
one_value($node, 'shop', "SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots WHERE slot_name LIKE 'taken%'");
$node->safe_psql('shop', "INSERT INTO other VALUES (-1, 'goes on')");
ok(wait_caught_up($node, 'keyless'), 'the stream goes on') or diag($worker->log);

# stopped in its middle: the target holds it there
my $holder = projection_node($node)->background_psql('projection');
$holder->query_safe('BEGIN; LOCK TABLE measured IN EXCLUSIVE MODE');
command($worker, 'start', '--table', 'public.measured');
ok(wait_until(sub { request('keyless', "coalesce(message, '')") =~ /^the stream of all tables is halted at / }), 'the status tells of the halt')
  or diag($worker->log);
$node->safe_psql('shop', "INSERT INTO other VALUES (-2, 'waits')");
is((command($worker, 'stop'))[0], 0, 'stopped');
ends_as($worker, 'stopped', '… while the target holds it up');
like(request('keyless', 'message'), qr/not whole until it is read again/, '… and it says what that leaves');
$holder->query_safe('ROLLBACK');
$holder->quit;
ok(wait_caught_up($node, 'keyless'), 'the stream goes on') or diag($worker->log);
same_rows($node, 'other');

# under writes, killed in its middle: rows that are not there yet again are changed and deleted meanwhile
my $script = "$PostgreSQL::Test::Utils::tmp_check/keyless.sql";
append_to_file($script, <<'SQL');
\set n random(0, 9999)
BEGIN;
DELETE FROM measured WHERE ctid = (SELECT ctid FROM measured WHERE n = :n LIMIT 1);
UPDATE measured SET note = 'changed' WHERE ctid = (SELECT ctid FROM measured WHERE n = (:n * 7) % 10000 LIMIT 1);
INSERT INTO measured VALUES (:n, 'new', 'new'), (:n, 'new', 'new');
INSERT INTO other SELECT txid_current(), 'x';
COMMIT;
SQL
my $output;

sub start_load
{
	my (%how) = @_;
	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', 2, '-R', $how{rate}, '-T', $how{seconds}, '-f', $script, '-h', $node->host, '-p', $node->port, 'shop' ],
		'>', \$output, '2>&1');
}

foreach my $round (1 .. 3)
{
	my $load = start_load(rate => 100, seconds => 2);
	select(undef, undef, undef, 0.3 * $round);
	command($worker, 'start', '--table', 'public.measured');
	ends_as($worker, 'done', "read under writes, round $round");
	IPC::Run::finish($load);
	ok(wait_caught_up($node, 'keyless'), 'the worker catches up') or diag($worker->log);
	same_rows($node, 'measured');
}

my $load = start_load(rate => 40, seconds => $ENV{CDC_TEST_SECONDS} // 12);
foreach my $place (qw(backfill_pass@90 backfill_pass@5 backfill_pass_stored))
{
	$worker->kill9;
	# What its session was at in the target would meet the update.
	wait_until(sub { one_value($node, 'projection', "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'cdc-worker%'") eq '0' });
	spoil();
	{
		local $ENV{CDC_FAILPOINT} = "$place:kill";
		$worker->start;
	}
	command($worker, 'start', '--table', 'public.measured');
	is($worker->wait_exit, 'signal 9', "killed at $place") or diag($worker->log);
	is(one_value($node, 'projection', "SELECT refilling, (SELECT count(*) < $rows FROM measured) FROM projection_table WHERE source_table = 'measured'"),
		't|t', '… with the half of it in the projection, which knows')
	  if $place eq 'backfill_pass@90';
	isnt(request('keyless', 'state'), 'done', '… and not done');
	$node->safe_psql('shop', 'DELETE FROM measured WHERE ctid IN (SELECT ctid FROM measured ORDER BY ctid DESC LIMIT 200)');
	$worker->start;
	ends_as($worker, 'done', '… and read again');
}
IPC::Run::finish($load);
like($output, qr/actually processed: [1-9]\d/, 'pgbench went on all the while');
ok(wait_caught_up($node, 'keyless'), 'the worker catches up') or diag($worker->log);
same_rows($node, 'measured');
same_rows($node, 'other');
is(one_value($node, 'projection', "SELECT count(*) FROM measured WHERE note = 'spoilt'"), 0, 'nothing is left of before');
is($worker->stop, 0, 'a clean stop');

# a point is waited for as long as an older transaction runs, and the stream goes on meanwhile
$worker->start;
my $older = $node->background_psql('shop');
$older->query_safe('BEGIN; SELECT txid_current()');
command($worker, 'start', '--table', 'public.measured');
ok($worker->wait_log(qr/slot "keyless_snapshot_\w+" is being created; it waits for the transaction/), 'an older transaction is waited for')
  or diag($worker->log);
foreach my $n (1 .. 3)
{
	$node->safe_psql('shop', "INSERT INTO other VALUES (-10 - $n, 'meanwhile'); UPDATE measured SET note = 'meanwhile' WHERE n = $n");
	ok(wait_until(sub { one_value($node, 'projection', "SELECT count(*) FROM other WHERE id = -10 - $n") eq '1' }), '… and the stream goes on')
	  or diag($worker->log);
}
is(request('keyless', 'state'), 'running', '… before the table is read');
$older->query_safe('COMMIT');
$older->quit;
ends_as($worker, 'done', 'read when it has ended');
ok(wait_caught_up($node, 'keyless'), 'the worker catches up') or diag($worker->log);
same_rows($node, 'measured');
is($worker->stop, 0, 'a clean stop');

# who holds the table's lock is waited for, and the stream does not wait with it
$worker->start;
my $ddl = $node->background_psql('shop');
$ddl->query_safe('BEGIN; LOCK TABLE measured IN ACCESS EXCLUSIVE MODE');
is((command($worker, 'start', '--table', 'public.measured'))[0], 1, 'who asks is told that the table is locked');
$node->safe_psql('shop', q{INSERT INTO cdc_envelope.snapshot_signal (slot_name, schema_name, table_name) VALUES ('keyless', 'public', 'measured')});
ok(wait_until(sub { one_value($node, 'shop', "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'measured'::regclass") eq 't' }), 'the lock is waited for')
  or diag($worker->log);
$node->safe_psql('shop', "INSERT INTO other VALUES (-20, 'meanwhile')");
ok(wait_until(sub { one_value($node, 'projection', 'SELECT count(*) FROM other WHERE id = -20') eq '1' }), '… and the stream goes on') or diag($worker->log);
$ddl->query_safe('COMMIT');
$ddl->quit;
ends_as($worker, 'done', 'read when the lock is free');
is($worker->stop, 0, 'a clean stop');

# DDL between the point and the table's lock: another point is taken
spoil();
{
	local $ENV{CDC_FAILPOINT} = 'backfill_point@1:freeze';
	$worker->start;
}
command($worker, 'start', '--table', 'public.measured');
ok(wait_until(sub { slurp_file('/proc/' . $worker->pid . '/stat') =~ /\) T / }), 'the point is taken, the table not yet locked') or diag($worker->log);
$node->safe_psql('shop', 'ALTER TABLE measured ADD COLUMN later integer DEFAULT 7');
$worker->signal('CONT');
ends_as($worker, 'done', 'read at another point');
like($worker->log, qr/public\.measured has got other columns since the snapshot/, '… as the table has got another column');
same_rows($node, 'measured');
is($worker->stop, 0, 'a clean stop');

# lines take some of the rows; and none of a table whose key is masked
my $lines = CdcTest::Worker->new(
	name     => 'lines',
	dsn      => dsn($node, 'shop'),
	source   => { masks => ['public.hidden.id:hash'] },
	pipeline => { snapshot => 'never' },
	sinks    => [ { stdout => {} } ])->start;
ok(wait_slot_active($node, 'lines'), 'lines stream') or diag($lines->log);
command($lines, 'start', '--table', 'public.measured', '--where', 'n < 100 -- the least');
ends_as($lines, 'done', 'a condition');
like((command($lines, 'start'))[2], qr/hidden is left out: its key is masked/, 'one with a masked key is left out where all are asked for');
ends_as($lines, 'done', 'the others are read');
command($lines, 'start', '--table', 'public.hidden');
ends_as($lines, 'failed', 'one with a masked key');
like(request('lines', 'message'), qr/the key column id of table public\.hidden is masked/, '… and it is said why');
is($lines->stop, 0, 'a clean stop');
my @read = grep { $_->{op_type} eq 'r' && $_->{table} eq 'measured' } map { decode_json($_) } split /\n/, slurp_file($lines->{outfile});
is(@read, one_value($node, 'shop', 'SELECT count(*) FROM measured WHERE n < 100'), 'rows that it holds for');
is(scalar(grep { $_->{after}{n} >= 100 } @read), 0, '… and no others');
done_testing();

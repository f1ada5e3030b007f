# A table is read beside its stream while it is being written: the worker has streamed only changes so far, so every row
# that nobody changes comes from the reading alone. In the end the projection equals the source, whoever was killed on the
# way; what was read before is not read again; and another table's events are the same with it as without.
use strict;
use warnings;
use CdcTest;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster();
my $rows = 20000;
# big is stored out of line, so that an update that leaves it alone has not its value in the WAL
$node->safe_psql('shop', qq{
	CREATE TABLE doc (id integer PRIMARY KEY, n integer NOT NULL, big text, note text);
	ALTER TABLE doc ALTER big SET STORAGE EXTERNAL;
	INSERT INTO doc SELECT i, 0, CASE WHEN i % 20 = 0 THEN repeat('big ' || i || ' ', 400) END, 'row ' || i
		FROM generate_series(1, $rows) i;
	ANALYZE doc;
	CREATE TABLE other (id bigint PRIMARY KEY, t text);
	CREATE TABLE "No Key" (n integer);
	CREATE UNLOGGED TABLE "Unlogged" (n integer PRIMARY KEY);
});
my $worker = CdcTest::Worker->new(
	name      => 'beside',
	dsn       => dsn($node, 'shop'),
	log_level => 'debug',
	pipeline  => { snapshot => 'never' },
	sinks     => [ postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'beside'), 'streaming') or diag($worker->log);

sub command
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ $ENV{CDC_WORKER}, 'snapshot', $arguments[0], '-c', $worker->{file}, @arguments[ 1 .. $#arguments ] ],
		'>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

sub state_of { return one_value($node, 'shop', "SELECT state FROM cdc_envelope.snapshot_signal WHERE id = $_[0]") }

my $script = "$PostgreSQL::Test::Utils::tmp_check/beside.sql";
append_to_file($script, <<"SQL");
\\set id random(1, $rows)
\\set twentieth 20 * random(1, $rows / 20)
\\set to random(1, 2 * $rows)
BEGIN;
UPDATE doc SET n = n + 1 WHERE id = :id;
UPDATE doc SET n = n + 1 WHERE id = :twentieth;
UPDATE doc SET id = :to WHERE id = :twentieth + 20 AND NOT EXISTS (SELECT FROM doc WHERE id = :to);
DELETE FROM doc WHERE id = :id + 1 AND :id % 5 = 0;
INSERT INTO doc VALUES (:to, 1, repeat('new ', 1000), 'new') ON CONFLICT (id) DO UPDATE SET note = 'again';
INSERT INTO other SELECT txid_current(), 'x';
COMMIT;
SQL

sub start_load
{
	my ($seconds, $output) = @_;
	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', 4, '-R', 200, '-T', $seconds, '--max-tries=100', '-f', $script, '-h', $node->host, '-p',
			$node->port, 'shop' ],
		'>', $output, '2>&1');
}

# what is wrong is said, by the command or by the worker
my ($code, $out, $err) = command('start', '--table', 'public.none');
is($code, 1, 'a table that is not there');
like($err, qr/does not capture a table public\.none/, '… is named');
($code, $out, $err) = command('pause');
is($code, 1, 'nothing to pause');
$node->safe_psql('shop', q{INSERT INTO cdc_envelope.snapshot_signal (slot_name, schema_name, table_name) VALUES ('beside', 'public', 'Unlogged')});
ok(wait_until(sub { state_of(1) eq 'failed' }), 'an unlogged table fails');
like(one_value($node, 'shop', 'SELECT message FROM cdc_envelope.snapshot_signal WHERE id = 1'), qr/is unlogged/, '… and says so');

# a transaction that has changed the table and not ended is waited for, and named
my $writer = $node->background_psql('shop');
$writer->query_safe('BEGIN; UPDATE doc SET n = 1 WHERE id = 1');
my $output;
my $load = start_load($ENV{CDC_TEST_SECONDS} // 14, \$output);
$node->safe_psql('shop', q{INSERT INTO cdc_envelope.snapshot_signal (slot_name, schema_name, table_name, chunk_rows) VALUES ('beside', 'public', 'doc', 500)});
ok(wait_until(sub { one_value($node, 'shop', 'SELECT message FROM cdc_envelope.snapshot_signal WHERE id = 2') =~ /^waits for process \d+/ }),
	'it waits for a writer and says for whom') or diag($worker->log);
is(one_value($node, 'shop', 'SELECT chunks FROM cdc_envelope.snapshot_signal WHERE id = 2'), 0, '… before it reads anything');
$writer->query_safe('COMMIT');
$writer->quit;

# killed in it: between chunk and stream, and between delivery and report; then again and again
my $kills = 0;
foreach my $point (qw(backfill_read backfill_delivered))
{
	$worker->kill9;
	{
		local $ENV{CDC_FAILPOINT} = "$point\@2:kill";
		$worker->start;
	}
	is($worker->wait_exit, 'signal 9', "killed at $point") or diag($worker->log);
	$kills++;
}
$worker->start;
foreach my $round (1 .. $ENV{CDC_TEST_KILLS} // 4)
{
	select(undef, undef, undef, 0.3 + rand(0.5));
	last if state_of(2) eq 'done';
	$kills++ if ($worker->kill9 // '') eq 'signal 9';
	$worker->start;
}
cmp_ok($kills, '>', 0, "killed $kills times");
ok(wait_until(sub { state_of(2) =~ /^(done|failed|stopped)$/ }), 'it comes to an end') or diag($worker->log);
is(state_of(2), 'done', '… and is done') or diag($worker->log);
IPC::Run::finish($load);
like($output, qr/actually processed: [1-9]\d/, 'pgbench went on all the while');
ok(wait_caught_up($node, 'beside'), 'the worker catches up') or diag($worker->log);
same_rows($node, 'doc');
same_rows($node, 'other');
my ($read, $chunks) = split /\|/, one_value($node, 'shop', 'SELECT rows_read, chunks FROM cdc_envelope.snapshot_signal WHERE id = 2');
cmp_ok($read, '<=', 1.3 * $rows, "not read again and again: $read rows of $rows delivered in $chunks chunks");
# Of the run that came to its end: a chunk is read when the one before it is stored, whoever is killed.
my $run = one_value($node, 'shop', 'SELECT run_id FROM cdc_envelope.snapshot_signal WHERE id = 2');
my @reads = slurp_file($worker->{logfile}) =~ /snapshot 2 reads chunk (\d+) of run $run,/g;
my @back = grep { $reads[$_] < $reads[ $_ - 1 ] } 1 .. $#reads;
is_deeply([ map { "$reads[ $_ - 1 ] then $reads[$_]" } @back ], [], 'none but the chunk in flight is read again: ' . @reads . ' reads');
cmp_ok(@reads - $chunks, '<=', $kills + 3, '… by each kill at most');

# by the command, with a condition, of all tables that can be; paused, resumed, shown
projection_node($node)->safe_psql('projection', "UPDATE doc SET note = 'spoilt'; UPDATE other SET t = 'spoilt'");
($code, $out, $err) = command('start', '--where', 'id <= 300');
is($code, 0, 'started for all tables') or diag($err);
like($err, qr/No Key is left out: it has no key/, 'what can not be read so is said');
ok(wait_until(sub { state_of(3) eq 'done' && state_of(4) eq 'done' }), 'they are done') or diag($worker->log);
is(one_value($node, 'projection', q{SELECT count(*) FROM doc WHERE note = 'spoilt' AND id <= 300 AND NOT _deleted}), 0, 'what the condition holds for is mended');
cmp_ok(one_value($node, 'projection', q{SELECT count(*) FROM doc WHERE note = 'spoilt' AND id > 300 AND NOT _deleted}), '>', 0, '… and nothing else');
$node->safe_psql('shop', q{INSERT INTO cdc_envelope.snapshot_signal (slot_name, schema_name, table_name, chunk_rows, wanted) VALUES ('beside', 'public', 'doc', 500, 'pause')});
ok(wait_until(sub { state_of(5) eq 'paused' }), 'paused');
($code, $out) = command('status', '--table', 'public.doc');
like($out, qr/^beside: 5 public\.doc paused, 0 rows in 0 chunks/m, 'the status tells');
# While the sink can't store a chunk, the next one is not read.
my $holder = projection_node($node)->background_psql('projection');
$holder->query_safe('BEGIN; LOCK TABLE doc IN EXCLUSIVE MODE');
is((command('resume'))[0], 0, 'resumed');
ok(wait_until(sub { $worker->log =~ /snapshot 5 reads chunk 1 of/ }), 'its first chunk is read');
select(undef, undef, undef, 10.5);    # longer than the log is silent about a run
unlike($worker->log, qr/snapshot 5 reads chunk 2 of/, '… and no other, as it is not stored');
($code, $out) = command('status', '--table', 'public.doc');
like($out, qr/^beside: 5 public\.doc running, 0 rows of about \d+ \(0 %\) in 0 chunks/m, 'the status tells how far it is');
$holder->query_safe('ROLLBACK');
$holder->quit;
ok(wait_until(sub { state_of(5) eq 'done' }), '… and done') or diag($worker->log);
like($worker->log, qr/snapshot 5 of public\.doc: [1-9]\d* rows of about \d+ \(\d+ %\) in [1-9]\d* chunks, .*, \d+ rows\/s/, 'the log tells how far it was');
($code, $out) = command('status', '--table', 'public.doc');
like($out, qr/^beside: 5 public\.doc done, [1-9]\d* rows in \d+ chunks, [1-9]\d*\.\d MiB/m, '… and the status what it took');
same_rows($node, 'doc');
is($worker->stop, 0, 'a clean stop');
done_testing();

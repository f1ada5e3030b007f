# A large table's snapshot by several readers while four clients of pgbench change, add and delete its rows all the time, also
# while the worker is killed in its middle: afterwards the projection equals the source. SNAPSHOT_ROWS=1000000 for the whole size.
use strict;
use warnings;
use CdcTest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $rows  = $ENV{SNAPSHOT_ROWS}  // 100_000;
my $kills = $ENV{SNAPSHOT_KILLS} // 2;
my $node  = source_cluster(shared_buffers => '256MB', max_wal_size => '8GB', autovacuum_naptime => '1s');
$node->safe_psql('shop', qq{
	CREATE TABLE reading (id bigint PRIMARY KEY, device integer NOT NULL, at timestamptz NOT NULL, value double precision,
		price numeric(12, 2), note text, doc jsonb, valid boolean);
	INSERT INTO reading SELECT n, n % 100, now() + n * interval '1 ms', n * 0.1, n * 1.01, 'reading ' || n,
		jsonb_build_object('n', n, 'unit', 'K'), n % 7 > 0 FROM generate_series(1, $rows) n;
	ANALYZE reading;
});
my $file = "$PostgreSQL::Test::Utils::tmp_check/writes.sql";
open(my $script, '>', $file) or die "could not write $file: $!";
print $script <<SQL;
\\set id random(1, $rows)
\\set gone random(1, $rows)
\\set new random($rows + 1, 2 * $rows)
BEGIN;
UPDATE reading SET value = value + 1, note = note || ' ' || :id % 10 WHERE id = :id;
DELETE FROM reading WHERE id = :gone;
INSERT INTO reading VALUES (:new, 1, now(), 1, 1, 'new', null, true) ON CONFLICT (id) DO UPDATE SET device = reading.device + 1;
COMMIT;
SQL
close($script);
my $output = '';
my $load = IPC::Run::start(
	[ 'pgbench', '-n', '-f', $file, '-c', '4', '-T', '600', '-R', '400', '--max-tries=100', '-h', $node->host, '-p', $node->port,
		'shop' ], '>', \$output, '2>&1');

my $worker = CdcTest::Worker->new(
	name     => 'writes',
	dsn      => dsn($node, 'shop'),
	pipeline => { snapshot => { resumable => \0, chunk_rows => 5000, readers => 2 } },
	sinks    => [ postgres_sink($node) ]);
foreach my $kill (1 .. $kills)
{
	$worker->start;
	ok(wait_until(sub { arrived($node, 'reading') > $rows * $kill / ($kills + 2) }), "snapshot $kill is on its way")
	  or diag($worker->log);
	is($worker->kill9, 'signal 9', 'and is killed');
}
my $began = time();
$worker->start;
ok(wait_slot_active($node, 'writes'), 'the next one is done') or diag($worker->log);
note(sprintf('snapshot of %d rows in %.1f s', $rows, time() - $began));
select(undef, undef, undef, 2);
IPC::Run::signal($load, 'TERM');
eval { IPC::Run::finish($load) };    # TERM is how it ends
ok(wait_caught_up($node, 'writes'), 'the worker catches up') or diag($worker->log);
same_rows($node, 'reading');
my $read = one_value($node, 'projection', 'SELECT count(*) FROM reading WHERE _seq IS NULL');
cmp_ok($read, '>', 0, "$read rows are as the snapshot read them");
is(one_value($node, 'projection', 'SELECT count(DISTINCT _commit_lsn) FROM reading WHERE _seq IS NULL'), 1, 'of one point');
cmp_ok(one_value($node, 'projection', 'SELECT count(*) FROM reading WHERE _seq IS NOT NULL'), '>', 0, 'and others by the stream');
is($worker->stop, 0, 'a clean stop');
done_testing();

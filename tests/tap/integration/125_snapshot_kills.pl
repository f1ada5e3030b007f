# A first snapshot beside the stream, of a table under pgbench, into Kafka and a projection at once, while the worker and the source's
# server are killed with -9 at random moments. It goes on behind the last chunk that both have stored: none is read twice but the
# one in flight. In the end the projection equals the source, and so does what a compacted topic would keep.
# By hand: CDC_ROWS=1000000 CDC_RANDOM_KILLS=20, CDC_VICTIM=worker or server, CDC_SEED.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::NoteLoad;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $kills  = $ENV{CDC_RANDOM_KILLS} // 6;
my $rows   = $ENV{CDC_ROWS} // 20000;
my $victim = $ENV{CDC_VICTIM} // 'both';
my $seed   = $ENV{CDC_SEED} // int(rand(1 << 30));
my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster(wal_sender_timeout => '5s', max_wal_size => '4GB');
$node->safe_psql('shop', 'CREATE TABLE no_key (n integer); INSERT INTO no_key SELECT generate_series(1, 1000)');
my $worker = CdcTest::Worker->new(
	name      => 'chunks',
	dsn       => dsn($node, 'shop'),
	log_level => 'debug',
	pipeline  => { snapshot => { beside_stream => \1, chunk_rows => $rows / 200 } },
	sinks => [ { kafka => { brokers => $broker->address, topic_prefix => 'chunks' } }, postgres_sink($node) ]);

my $load = CdcTest::NoteLoad->new($node, $rows, <<"SQL");
\\set id random(1, $rows)
\\set to random(1, 2 * $rows)
BEGIN;
UPDATE note SET n = n + 1 WHERE id = :id;
UPDATE note SET id = :to WHERE id = :id - 1 AND NOT EXISTS (SELECT FROM note WHERE id = :to);
DELETE FROM note WHERE id = :id + 1 AND :id % 3 = 0;
INSERT INTO note VALUES (:to, 1, 'new') ON CONFLICT (id) DO UPDATE SET n = note.n + 1;
COMMIT;
SQL

# The number of chunks that the projection has; and whether all is reported as read.
sub chunks_stored
{
	my ($code, $progress) = projection_node($node)->psql('projection', "SELECT coalesce(max(snapshot_progress), '') FROM projection_position");
	return $code == 0 && $progress =~ /"chunks":(\d+),/ ? $1 : 0;
}
sub state { return one_value($node, 'shop', "SELECT coalesce(max(state), 'none') FROM cdc_envelope.snapshot_signal WHERE table_name = 'note'") }

note("CDC_SEED=$seed");
srand($seed);
$load->start;
$worker->start;
my ($killed, $before, %by) = (0, 1);    # the second chunk is read when both sinks have the first
foreach my $round (1 .. $kills)
{
	ok(wait_until(sub { chunks_stored() > $before || state() eq 'done' }), "round $round: it goes on behind chunk $before")
	  or diag($worker->log), last;
	last if state() eq 'done';
	sleep(rand(0.25));
	$by{ $load->kill_one($worker, $victim, $round) }++;
	$killed++;
	$before = chunks_stored();
}
cmp_ok($killed, '>=', 2, 'killed while it was read: ' . join(', ', map { "$_ $by{$_}" } sort keys %by));
ok(wait_until(sub { state() =~ /^(done|failed|stopped)$/ }, 60 + $rows / 2000), 'it comes to an end') or diag($worker->log);
is(state(), 'done', '… and is done') or diag($worker->log);
$load->stop;
ok(wait_caught_up($node, 'chunks'), 'the worker catches up') or diag($worker->log);
same_rows($node, $_) foreach qw(note no_key);

# What was read, in its order. The worker begins again by itself too, where it has lost a connection.
my $run  = one_value($node, 'shop', "SELECT run_id FROM cdc_envelope.snapshot_signal WHERE table_name = 'note'");
my $log  = slurp_file($worker->{logfile});
my @read = $log =~ /reads chunk (\d+) of run $run,/g;
my @back = grep { $read[$_] < $read[ $_ - 1 ] } 1 .. $#read;
my $retries = () = $log =~ /trying again in/g;
my %chunks  = map { $_ => 1 } @read;
is_deeply([ map { "$read[ $_ - 1 ] then $read[$_]" } @back ], [], 'no chunk before the one in flight was read again');
is($read[0], 1, 'one run from the first chunk on');
is(scalar(keys %chunks), $read[-1], "and none was left out: $read[-1] chunks");
cmp_ok(@read - keys %chunks, '<=', $killed + $retries, sprintf('%d chunks were read twice in %d kills and %d retries', @read - keys %chunks, $killed, $retries));

# What both sinks and the topic have in the end; and beside each row that was read, of which run it is.
$load->same_compacted($broker->address, 'chunks.public.note');
my ($headers) = run_command([ 'kcat', '-b', $broker->address, '-C', '-t', 'chunks.public.note', '-o', 'beginning', '-e', '-q',
		'-X', 'isolation.level=read_committed', '-f', '%h\n' ]);
my %runs;
$runs{$_}++ foreach $headers =~ /^cdc-run=(\w+)$/mg;
is_deeply([ keys %runs ], [$run], 'every row that was read says of which run it is');

# A table without a key is read in one pass: both have it whole, the topic as rows of another run.
run_command([ $ENV{CDC_WORKER}, 'snapshot', 'start', '-c', $worker->{file}, '--table', 'public.no_key' ]);
sub of_pass { return one_value($node, 'shop', "SELECT $_[0] FROM cdc_envelope.snapshot_signal WHERE table_name = 'no_key' ORDER BY id DESC LIMIT 1") }
ok(wait_until(sub { of_pass('state') =~ /^(done|failed|stopped)$/ }), 'a table without a key is asked for') or diag($worker->log);
is(of_pass('state'), 'done', '… and read') or diag(of_pass('message'));
same_rows($node, 'no_key');
($headers) = run_command([ 'kcat', '-b', $broker->address, '-C', '-t', 'chunks.public.no_key', '-o', 'beginning', '-e', '-q',
		'-X', 'isolation.level=read_committed', '-f', '%h\n' ]);
my $run_of_pass = of_pass('run_id');
my $read_so = () = $headers =~ /^cdc-run=$run_of_pass$/mg;
is($read_so, 1000, '… each row once in the topic, as of its run');
is($worker->stop, 0, 'a clean stop');
done_testing();

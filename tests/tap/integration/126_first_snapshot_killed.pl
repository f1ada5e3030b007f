# A first snapshot into Kafka and a projection at once, of a table under pgbench, is killed when both have a part of it. What both
# have and what has not changed since is not delivered again, whatever else is killed while the rest is read. In the end the
# projection equals the source, and so does what a compacted topic would keep.
# By hand: CDC_ROWS=1000000 CDC_RANDOM_KILLS=20, CDC_VICTIM=worker or server, CDC_SEED.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Gate;
use CdcTest::NoteLoad;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $kills  = $ENV{CDC_RANDOM_KILLS} // 3;
my $rows   = $ENV{CDC_ROWS} // 20000;
my $victim = $ENV{CDC_VICTIM} // 'both';
my $seed   = $ENV{CDC_SEED} // int(rand(1 << 30));
my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster(wal_sender_timeout => '5s', max_wal_size => '4GB');
my $middle = int($rows * 0.6);
create_gates($node, 'gate');
# where the gate is closed, the reader comes as far as the middle
my $worker = CdcTest::Worker->new(
	name     => 'first',
	dsn      => dsn($node, 'shop'),
	source   => { tables => { where => { 'public.note' => gated('gate', "id = $middle") } } },
	pipeline => { snapshot => { readers => 1, chunk_rows => $rows / 200 } },
	sinks => [ { kafka => { brokers => $broker->address, topic_prefix => 'first' } }, postgres_sink($node) ]);

# the last rows are never changed
my $load = CdcTest::NoteLoad->new($node, $rows, <<"SQL");
\\set id random(1, $rows / 4)
\\set to random($rows + 1, 2 * $rows)
BEGIN;
UPDATE note SET n = n + 1 WHERE id = :id;
UPDATE note SET id = :to WHERE id = :id - 1 AND NOT EXISTS (SELECT FROM note WHERE id = :to);
DELETE FROM note WHERE id = :id + 1 AND :id % 3 = 0 AND :id < $rows / 4;
INSERT INTO note VALUES (:to, 1, 'new') ON CONFLICT (id) DO UPDATE SET n = note.n + 1;
COMMIT;
SQL
sub state { return one_value($node, 'shop', "SELECT coalesce(max(state), 'none') FROM cdc_envelope.snapshot_signal WHERE table_name = 'note'") }
sub delivered { return one_value($node, 'shop', "SELECT coalesce(max(delivered), '') FROM cdc_envelope.snapshot_signal WHERE table_name = 'note'") }

# Each message of the topic that is committed: its key, value, and whether it is of a run.
sub committed_reads
{
	my ($code) = @_;
	my ($out) = run_command([ 'kcat', '-b', $broker->address, '-C', '-t', 'first.public.note', '-o', 'beginning', '-e', '-q',
			'-X', 'isolation.level=read_committed', '-f', '%h\t%s\n' ]);
	foreach (split /\n/, $out)
	{
		my ($headers, $value) = split /\t/, $_, 2;
		next unless defined $value && $value =~ /"op_type":"r".*"after":\{"id":(\d+),/;
		$code->($1, $headers =~ /cdc-run=/ ? 1 : 0);
	}
	return;
}

note("CDC_SEED=$seed");
srand($seed);
$load->start;
$worker->start;
# both have what was read before the gate: all but the range that is under way
my $enough = $middle - 2 * $rows / 200 - 200;
ok(wait_until(sub { arrived($node, 'note') >= $enough }), 'the projection has the first part') or diag($worker->log);
ok(wait_until(sub { my $count = 0; committed_reads(sub { $count++ }); $count >= $enough }), 'and so has the topic') or diag($worker->log);
is($worker->kill9, 'signal 9', 'the worker is killed');
end_sessions($node, 'shop', "SELECT pid FROM pg_stat_activity WHERE application_name = 'cdc-worker first'");
set_gate($node, 'gate', 'open');
$worker->start;
ok(wait_until(sub { state() =~ /^(running|done)$/ }), 'a run goes on') or diag($worker->log);
like(delivered(), qr/"pages":"0-\d+"/, 'and leaves out what both have: ' . delivered());
foreach my $round (1 .. $kills)
{
	last if state() eq 'done';
	sleep(rand(0.5));
	$load->kill_one($worker, $victim, $round);
}
ok(wait_until(sub { state() =~ /^(done|failed|stopped)$/ }, 60 + $rows / 2000), 'it comes to an end') or diag($worker->log);
is(state(), 'done', '… and is done') or diag($worker->log);
$load->stop;
ok(wait_caught_up($node, 'first'), 'the worker catches up') or diag($worker->log);
same_rows($node, 'note');

my (%at_point, %of_run);
committed_reads(sub { my ($id, $run) = @_; $run ? $of_run{$id}++ : $at_point{$id}++ });
my @never_changed = grep { $_ > $rows / 4 + 1 && $_ <= $middle - 2 * $rows / 200 } keys %at_point;
my $again = grep { $of_run{$_} } @never_changed;
cmp_ok(scalar(@never_changed), '>', $rows / 5, scalar(@never_changed) . ' rows were delivered at the point by the first part and never changed');
cmp_ok($again, '<=', 2 * $rows / 200 + 200, "$again of them came again: those of the range that was under way");
$load->same_compacted($broker->address, 'first.public.note');
is($worker->stop, 0, 'a clean stop');
done_testing();

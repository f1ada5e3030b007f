# A failover before a real broker, with a worker that is left behind at the old primary: the worker at the new one takes the
# pipeline over, the other can't write any more, and when it starts again, as of a supervisor, it is refused without having
# disturbed the one that works.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use Test::More;

my $broker  = CdcTest::Broker->start_or_skip;
my $primary = source_cluster(node => 'primary');
$primary->safe_psql('shop', 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my %same = (name => 'over', source => { cluster => 'shop' }, sinks => [ { kafka => { brokers => $broker->address } } ]);
my $old = CdcTest::Worker->new(%same, dsn => dsn($primary, 'shop'))->start;
ok(wait_slot_active($primary, 'over'), 'streaming') or diag($old->log);
add($primary, 2);
ok(wait_caught_up($primary, 'over'), 'delivered') or diag($old->log);
my $end = $primary->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
ok($standby->poll_query_until('postgres', "SELECT pg_last_wal_replay_lsn() >= '$end'"), 'the standby has it');

# Both are primaries now, and each has its worker.
$standby->promote;
my $new = CdcTest::Worker->new(%same, dsn => dsn($standby, 'shop'), pipeline => { slot => { on_missing => 'create' } });
$new->{logfile} =~ s/over_worker/new_worker/;
$new->start;
ok(wait_slot_active($standby, 'over'), 'streaming from the new primary') or diag($new->log);
like($new->log, qr/is of timeline 1; the source went on from there at \S+ on timeline 2/, 'it says where they part');
add($standby, 3);
ok(wait_caught_up($standby, 'over'), 'delivered') or diag($new->log);
add($primary, 100);
is($old->wait_exit, 1, 'the worker of the old primary ends with 1') or diag($old->log);
like($old->log, qr/another worker has taken this pipeline over: \S+:\d+:[0-9a-f]+ since/, 'and says by whom');

$new->forget_log;
foreach my $start (1 .. 3)
{
	$old->configure(%same, dsn => dsn($primary, 'shop'), pipeline => { slot => { on_missing => 'create' } });
	$old->start;
	is($old->wait_exit, 1, "start $start at the old primary: refused") or diag($old->log);
	like($old->log, qr/is of timeline 2, but the source is on timeline 1.*hint: .*left behind/, 'and says why');
	add($standby, 3 + $start);
	ok(wait_caught_up($standby, 'over'), 'the other goes on') or diag($new->log);
}
unlike($new->log, qr{fenced|taken|trying again}, 'undisturbed');
is($new->stop, 0, 'a clean stop');

my @messages = consume($broker->address, 'over.public.t');
is(join(' ', map { $_->{value} =~ /"key":\{"id":(\d+)\}/ } sort { $a->{id} cmp $b->{id} } map { read_head($_) } @messages),
	'1 2 3 4 5 6', 'each event once, and none of the old primary after the promotion');
done_testing();

sub add { my ($node, $id) = @_; $node->safe_psql('shop', "INSERT INTO t VALUES ($id)"); return }

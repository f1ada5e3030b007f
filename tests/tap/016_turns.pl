# Workers whose sink stores no position take turns: one that had the slot before goes on where the other has stopped.
use strict;
use warnings;
use CdcTest;
use IPC::Run ();
use Test::More;

my $node = source_cluster();
$node->safe_psql('shop', 'CREATE TABLE t (id int PRIMARY KEY)');
my @same = (name => 'turns', dsn => dsn($node, 'shop'), sinks => [ { stdout => {} } ]);
my ($one, $two) = map { CdcTest::Worker->new(@same) } 1 .. 2;
$two->{$_} .= '.second' foreach qw(logfile outfile);

# insert N: it is delivered, by that worker alone.
sub insert
{
	my ($id, $by, $other) = @_;
	$node->safe_psql('shop', "INSERT INTO t VALUES ($id)");
	ok(wait_caught_up($node, 'turns'), "row $id is delivered") or diag($by->log);
	is(printed($by, $id), 1, "row $id, once");
	is(printed($other, $id), 0, 'and by one of them alone');
	return;
}

sub printed
{
	my ($worker, $id) = @_;
	return 0 if !-e $worker->{outfile};
	return scalar(() = PostgreSQL::Test::Utils::slurp_file($worker->{outfile}) =~ /"after":\{"id":$id\}/g);
}

$one->start;
ok(wait_slot_active($node, 'turns'), 'the first streams') or diag($one->log);
insert(1, $one, $two);
$two->start;
ok($two->wait_log(qr/standing by/), 'the second stands by') or diag($two->log);

$one->signal('STOP');
ok(end_sessions($node, 'postgres', 'SELECT active_pid FROM pg_replication_slots WHERE active'), 'the first loses the slot');
ok($two->wait_log(qr/streaming from/), 'the second takes over') or diag($two->log);
insert(2, $two, $one);
$one->signal('CONT');
ok($one->wait_log(qr/standing by/), 'the first stands by') or diag($one->log);
insert(3, $two, $one);

is($two->stop, 0, 'the second stops');
ok($one->wait_log(qr/another worker has moved slot "turns" to .*streaming from/s), 'the first takes over again') or diag($one->log);
insert(4, $one, $two);

# what is no worker has delivered nothing
$one->signal('STOP');
ok(end_sessions($node, 'postgres', 'SELECT active_pid FROM pg_replication_slots WHERE active'), 'it loses the slot');
my $thief = IPC::Run::start([ 'pg_recvlogical', '-d', dsn($node, 'shop'), '-S', 'turns', '--start', '-f', '/dev/null', '-s', 1, '-F', 1 ], '2>', '/dev/null');
ok(wait_slot_active($node, 'turns'), 'to pg_recvlogical');
$one->forget_log;
$one->signal('CONT');
ok($one->wait_log(qr/standing by/), 'it stands by') or diag($one->log);
$node->safe_psql('shop', 'INSERT INTO t VALUES (5)');
ok(wait_caught_up($node, 'turns'), 'what the thief reads, it confirms');
$thief->signal('INT');
$thief->finish;
is($one->wait_exit, 1, 'the worker ends') or diag($one->log);
like($one->log, qr/before the slot's confirmed_flush_lsn/, '… and says why');
done_testing();

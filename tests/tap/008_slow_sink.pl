# A sink that stands still: the worker stops reading, its memory stays where it is, the server keeps hearing from it,
# and when the sink moves again everything arrives.
use strict;
use warnings;
use CdcTest;
use IPC::Run ();
use Test::More;

my $node = source_cluster(wal_sender_timeout => '2s');
$node->safe_psql('shop', 'CREATE TABLE bulk (id int PRIMARY KEY, body text)');

# Transactions of 1,000 rows of a kilobyte each.
sub write_bulk
{
	my ($from, $rows) = @_;
	for (my $at = $from; $at < $from + $rows; $at += 1000)
	{
		$node->safe_psql('shop',
			"INSERT INTO bulk SELECT n, repeat(md5(n::text), 32) FROM generate_series($at, $at + 999) n");
	}
	return;
}

# A projection whose table is locked.
my $worker = CdcTest::Worker->new(
	name     => 'slow',
	dsn      => dsn($node, 'shop'),
	source   => { batch_bytes => '64KiB' },
	pipeline => { memory_limit => '4MiB' },
	sinks    => [ postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'slow'), 'streaming') or diag($worker->log);
$node->safe_psql('shop', "INSERT INTO bulk VALUES (0, 'first')");
ok(wait_caught_up($node, 'slow'), 'caught up');
my ($quiet) = $worker->memory;
my $streaming = one_value($node, 'shop', "SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'slow'");

my ($in, $out) = ("BEGIN; LOCK TABLE bulk IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n", '');
my $lock = IPC::Run::start([ 'psql', '-XAtq', '-d', dsn($node, 'projection') ], '<', \$in, '>', \$out);
$lock->pump until $out =~ /locked/;
write_bulk(1, 60000);    # 60 MB of rows
my $held = one_value($node, 'shop', "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'slow'");
sleep 5;
my ($now, $most) = $worker->memory;
cmp_ok($most - $quiet, '<', 40 * 1024, sprintf('memory rose by %.1f MB at most', ($most - $quiet) / 1024));
is(one_value($node, 'shop', "SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'slow'"),
	$streaming, 'the server has not given up the connection');
is(one_value($node, 'shop', "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'slow'"),
	$held, 'and nothing is confirmed that is not durable');
$in .= "ROLLBACK;\n\\q\n";
$lock->finish;
ok(wait_caught_up($node, 'slow'), 'everything arrives when the lock is gone') or diag($worker->log);
same_rows($node, 'bulk');
is($worker->stop, 0, 'a clean stop');

# Two sinks, one of which hangs: the other goes on until memory_limit, and waits there.
projection_node($node)->safe_psql('postgres', 'CREATE DATABASE second');
sub second { return projection_node($node)->safe_psql('second', $_[0]) }
my $two = CdcTest::Worker->new(
	name     => 'two',
	dsn      => dsn($node, 'shop'),
	source   => { projection => 'two', tables => { include => ['public.pair'] } },
	pipeline => { memory_limit => '4MiB' },
	sinks    => [ postgres_sink($node), { postgres => { dsn => dsn($node, 'projection') =~ s/dbname=\S+/dbname=second/r } } ]);
$node->safe_psql('shop', "CREATE TABLE pair (id int PRIMARY KEY, body text); INSERT INTO pair VALUES (0, 'first')");
$two->start;
ok(wait_slot_active($node, 'two'), 'two sinks: streaming') or diag($two->log);
ok(wait_caught_up($node, 'two'), 'two sinks: caught up') or diag($two->log);
($quiet) = $two->memory;
my $hangs = second("SELECT pid FROM pg_stat_activity WHERE application_name = 'cdc-worker two' AND datname = 'second'");
kill('STOP', $hangs);
$node->safe_psql('shop', "INSERT INTO pair SELECT n, repeat(md5(n::text), 32) FROM generate_series($_, $_ + 99) n") foreach map { $_ * 100 } 1 .. 200;
ok(wait_until(sub { arrived($node, 'pair') > 1000 }), 'the other goes on') or diag($two->log);
sleep 4;
cmp_ok(arrived($node, 'pair'), '<', 15000, 'as far as memory_limit lets it: ' . arrived($node, 'pair') . ' rows of 20,000');
($now, $most) = $two->memory;
cmp_ok($most - $quiet, '<', 40 * 1024, sprintf('memory rose by %.1f MB at most', ($most - $quiet) / 1024));
kill('CONT', $hangs);
ok(wait_caught_up($node, 'two'), 'both go on when it moves again') or diag($two->log);
same_rows($node, 'pair');
is(second('SELECT count(*), sum(length(body)) FROM pair WHERE NOT _deleted'), one_value($node, 'shop', 'SELECT count(*), sum(length(body)) FROM pair'),
	'and the one that hung has the same');
is($two->stop, 0, 'a clean stop');

# Standard output, which nobody reads.
pipe(my $read, my $write) or die "could not make a pipe: $!";
my $printer = CdcTest::Worker->new(
	name     => 'printer',
	dsn      => dsn($node, 'shop'),
	source   => { batch_bytes => '64KiB' },
	pipeline => { memory_limit => '4MiB', snapshot => 'never' },
	sinks    => [ { stdout => {} } ])->start(stdout => $write);
close($write);
ok(wait_slot_active($node, 'printer'), 'streaming to standard output') or diag($printer->log);
write_bulk(100_001, 20000);
sleep 3;
($now, $most) = $printer->memory;
cmp_ok($most, '<', 80 * 1024, sprintf('it needs %.1f MB while nobody reads', $most / 1024));
ok(wait_until(sub { $node->safe_psql('shop', "SELECT active FROM pg_replication_slots WHERE slot_name = 'printer'") eq 't' }, 5),
	'the slot is still held');
my ($lines, %ids) = (0);
while (my $line = <$read>)
{
	next unless $line =~ /"op_type":"c".*"key":\{"id":(\d+)\}/;
	$ids{$1} = 1;
	last if ++$lines == 20000;
}
is(scalar keys %ids, 20000, 'every row arrives once it is read');
ok(wait_caught_up($node, 'printer'), 'and is confirmed');
is($printer->stop, 0, 'a clean stop');
done_testing();

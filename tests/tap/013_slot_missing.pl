# A slot that is gone, or lost, though the projection has streamed from it: slot.on_missing says what is done, and nothing
# is done unasked. slot.on_shutdown: drop, and what it forgets.
use strict;
use warnings;
use CdcTest;
use Test::More;

my $node = source_cluster(max_slot_wal_keep_size => '1MB', min_wal_size => '32MB', max_wal_size => '32MB',
	wal_keep_size => 0, checkpoint_timeout => '1h');
$node->safe_psql('shop', 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE TABLE nothing_yet (id int PRIMARY KEY)');

sub sql { return one_value($node, 'shop', $_[0]) }
my %settings = (name => 'gone', dsn => dsn($node, 'shop'), sinks => [ postgres_sink($node) ]);
my $worker = CdcTest::Worker->new(%settings);
my %slot;

sub start_with { %slot = @_; $worker->configure(%settings, pipeline => { slot => {%slot} }); return $worker->start }

sub goes_on
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(wait_slot_active($node, 'gone'), "$name: streaming") or diag($worker->log);
	sql('INSERT INTO t SELECT max(id) + 1 FROM t');
	ok(wait_caught_up($node, 'gone'), "$name: caught up") or diag($worker->log);
	return;
}

start_with();
goes_on('the first start');
isnt(one_value($node, 'projection', "SELECT to_regclass('nothing_yet')"), '', 'a table without rows has its projection too');
is($worker->stop, 0, 'a clean stop');
my $before = one_value($node, 'projection', 'SELECT end_lsn FROM projection_position');

# Dropped while the worker was away, with a change that nobody can have any more.
sql("SELECT pg_drop_replication_slot('gone')");
sql('DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (100)');
start_with();
is($worker->wait_exit(30), 1, 'fail: refused');
like($worker->log, qr/slot "gone" does not exist, but sink postgres has streamed from it up to \Q$before\E/, 'fail: says so');
like($worker->log, qr/hint: .*slot\.on_missing: resnapshot/, 'fail: the way out');
is(sql('SELECT count(*) FROM pg_replication_slots'), 0, 'fail: no slot is made');

start_with(on_missing => 'create');
goes_on('create');
my ($from, $to) = $worker->log =~ /made anew: what was committed between (\S+) and (\S+) is missing/;
is($from, $before, 'create: says from where changes are missing');
ok($to && sql("SELECT '$to'::pg_lsn > '$before'"), 'create: and to where');
is(one_value($node, 'projection', 'SELECT string_agg(id::text, \',\' ORDER BY id) FROM t WHERE NOT _deleted'), '1,2,101',
	'create: what was missed is missing, what came after is there');
is($worker->stop, 0, 'a clean stop');

# Killed when the sink has the new slot's position, and the slot is not permanent yet.
sql("SELECT pg_drop_replication_slot('gone')");
{
	local $ENV{CDC_FAILPOINT} = 'slot_made_anew:kill';
	start_with(on_missing => 'create');
}
is($worker->wait_exit, 'signal 9', 'create: killed in its middle') or diag($worker->log);
ok(wait_until(sub { sql('SELECT count(*) FROM pg_replication_slots') eq '0' }), 'create: no slot is left');
start_with(on_missing => 'create');
goes_on('create, after a crash');
is($worker->stop, 0, 'a clean stop');

sql("SELECT pg_drop_replication_slot('gone')");
sql('INSERT INTO t VALUES (200)');
start_with(on_missing => 'resnapshot');
goes_on('resnapshot');
same_rows($node, 't');
like($worker->log, qr/a new snapshot replaces what the sinks have: replication slot "gone" does not exist/, 'resnapshot: says so');
is($worker->stop, 0, 'a clean stop');

# The server removes WAL that the slot needs.
sub lose_slot
{
	for (1 .. 40)
	{
		sql("SELECT pg_logical_emit_message(false, 'x', repeat('x', 3000000)); SELECT pg_switch_wal(); CHECKPOINT");
		return 1 if sql("SELECT wal_status = 'lost' FROM pg_replication_slots") eq 't';
	}
	return 0;
}
ok(lose_slot(), 'the slot is lost');
sql('DELETE FROM t WHERE id = 100; INSERT INTO t VALUES (300)');
start_with();
is($worker->wait_exit(30), 1, 'a lost slot: refused');
like($worker->log, qr/slot "gone" has been invalidated \(wal_status lost/, 'a lost slot: says so');
start_with(on_missing => 'resnapshot');
goes_on('a lost slot and resnapshot');
same_rows($node, 't');
is($worker->stop, 0, 'a clean stop');

# The name is that of a slot in another database of the server, or of another plugin's.
sql("SELECT pg_drop_replication_slot('gone')");
foreach my $other ([ 'postgres', 'cdc_envelope', qr/belongs to the database "postgres", not "shop"/ ],
	[ 'shop', 'test_decoding', qr/was made with the output plugin "test_decoding"/ ])
{
	my ($database, $plugin, $says) = @$other;
	one_value($node, $database, "SELECT pg_create_logical_replication_slot('gone', '$plugin')");
	start_with(on_missing => 'resnapshot');
	is($worker->wait_exit(30), 1, "a slot of $database with $plugin: refused");
	like($worker->log, $says, 'says so');
	is(sql('SELECT count(*) FROM pg_replication_slots'), 1, 'and it is left alone');
	one_value($node, $database, "SELECT pg_drop_replication_slot('gone')");
}

# The slot goes with the worker, and what is committed meanwhile is had by a snapshot.
start_with(on_missing => 'resnapshot', on_shutdown => 'drop');
goes_on('on_shutdown: drop');
is($worker->stop, 0, 'a clean stop');
is(sql('SELECT count(*) FROM pg_replication_slots'), 0, 'the slot is dropped');
sql('DELETE FROM t WHERE id = 200');
start_with(on_missing => 'resnapshot', on_shutdown => 'drop');
goes_on('the next start');
same_rows($node, 't');
$worker->kill9;
is(sql('SELECT count(*) FROM pg_replication_slots'), 1, 'a killed worker leaves its slot');
done_testing();

# A heartbeat moves the slot on where only other databases of the server are written to, and is no event.
use strict;
use warnings;
use CdcTest;
use Test::More;

my $node = source_cluster();
$node->safe_psql('shop', 'CREATE TABLE t (id int PRIMARY KEY)');
my %settings = (name => 'beat', dsn => dsn($node, 'shop'), sinks => [ { stdout => {} } ]);
my $worker = CdcTest::Worker->new(%settings, pipeline => { heartbeat_interval => '100ms' })->start;

sub printed { my ($text) = @_; return () = PostgreSQL::Test::Utils::slurp_file($worker->{outfile}) =~ /\Q$text\E/g }

ok(wait_slot_active($node, 'beat'), 'streaming') or diag($worker->log);
my $before = one_value($node, 'postgres', "SELECT confirmed_flush_lsn FROM pg_replication_slots");
one_value($node, 'postgres', 'CREATE TABLE busy AS SELECT generate_series(1, 20000); CHECKPOINT');
ok(wait_caught_up($node, 'beat'), 'the slot follows the other database');
ok($node->poll_query_until('postgres', "SELECT restart_lsn > '$before' FROM pg_replication_slots"), 'and lets go of its WAL');
is(printed('heartbeat'), 0, 'no event');
$node->safe_psql('shop', 'INSERT INTO t VALUES (1)');
ok(wait_caught_up($node, 'beat'), 'a row');
is(printed('"op_type":"c"'), 1, 'the row alone');
unlike($worker->log, qr/heartbeat:/, 'no trouble with it');

# It goes with its connection, and comes back.
$node->restart;
ok(wait_slot_active($node, 'beat'), 'streaming again') or diag($worker->log);
is($worker->stop, 0, 'a clean stop');

# Who asks for all messages gets this one too.
$worker->configure(%settings, source => { messages => 'all' }, pipeline => { heartbeat_interval => '100ms' });
$worker->start;
ok(wait_until(sub { printed('MESSAGE/cdc_envelope.heartbeat') > 0 }, 30), 'messages: all') or diag($worker->log);
is($worker->stop, 0, 'a clean stop');
done_testing();

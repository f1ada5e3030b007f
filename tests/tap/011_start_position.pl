# The start position is checked, not assumed: between a projection and a slot that do not fit together the worker says
# what is wrong, exits with 1 and changes nothing.
use strict;
use warnings;
use CdcTest;
use Test::More;

my $node = source_cluster();
$node->safe_psql('shop', 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
my %settings = (name => 'start', dsn => dsn($node, 'shop'), sinks => [ postgres_sink($node) ]);
my $worker   = CdcTest::Worker->new(%settings)->start;
ok(wait_slot_active($node, 'start'), 'streaming') or diag($worker->log);
$node->safe_psql('shop', 'INSERT INTO t VALUES (2)');
ok(wait_caught_up($node, 'start'), 'caught up');
is($worker->stop, 0, 'a clean stop');
my $stored    = one_value($node, 'projection', 'SELECT end_lsn FROM projection_position');
my $confirmed = one_value($node, 'shop', 'SELECT confirmed_flush_lsn FROM pg_replication_slots');

sub refuses
{
	my ($name, $pattern) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$worker->start;
	is($worker->wait_exit(15), 1, "$name: refused");
	like($worker->log, $pattern, "$name: said so") or diag($worker->log);
	$worker->kill9 if $worker->pid;
	is(one_value($node, 'projection', 'SELECT count(*) FROM t WHERE NOT _deleted'), 2, "$name: the projection is as it was");
	return;
}

sub set_position { return one_value($node, 'projection', "UPDATE projection_position SET $_[0]") }

set_position(sprintf "end_lsn = '%s'", lsn_plus($stored, 1_000_000_000));
refuses('a position beyond the server\'s WAL', qr/(ahead|beyond|behind).*\n?.*/i);
is(one_value($node, 'shop', 'SELECT confirmed_flush_lsn FROM pg_replication_slots'), $confirmed, 'the slot is as it was');
set_position(sprintf "end_lsn = '%s'", lsn_plus($confirmed, -1000));
refuses('a slot that has moved past the projection', qr/confirmed_flush_lsn|confirmed/);
set_position("end_lsn = '$stored', system_identifier = '4711'");
refuses('a projection of another system', qr/4711/);
my $system = one_value($node, 'shop', 'SELECT system_identifier FROM pg_control_system()');
set_position("system_identifier = '$system', timeline = 9");
refuses('a projection of another timeline', qr/timeline/);
set_position("timeline = 1, database = 'other'");
refuses('a projection of another database', qr/position \S+ is of the database "other", but the dsn names "shop"/);
set_position("database = 'shop'");

$worker->start;
ok(wait_slot_active($node, 'start'), 'with the right one it starts') or diag($worker->log);
$node->safe_psql('shop', 'INSERT INTO t VALUES (3)');
ok(wait_caught_up($node, 'start'), 'and goes on');
same_rows($node, 't');
is($worker->stop, 0, 'a clean stop');
$node->safe_psql('shop', 'DELETE FROM t WHERE id = 3');
one_value($node, 'projection', 'DELETE FROM t WHERE id = 3');

# The events would have other bytes than those that the projection has.
$worker->configure(%settings, source => { int8 => 'string', cluster => 'other' });
$worker->start;
is($worker->wait_exit(15), 1, 'another form: refused');
like($worker->log, qr/other bytes than those that it has: cluster=other instead of cluster=source, int8=string instead of int8=number/,
	'another form: says in what') or diag($worker->log);
$worker->configure(%settings, source => { int8 => 'string', cluster => 'other', on_form_change => 'accept' });
$worker->start;
ok(wait_slot_active($node, 'start'), 'another form, accepted: streaming') or diag($worker->log);
like($worker->log, qr/warning.*other bytes than those/, 'another form, accepted: a warning');
is($worker->stop, 0, 'a clean stop');
$worker->configure(%settings, source => { int8 => 'string', cluster => 'other' });
$worker->start;
ok(wait_slot_active($node, 'start'), 'and it is the form from then on') or diag($worker->log);
is($worker->stop, 0, 'a clean stop');

# The slot is gone, or made anew: changes are missing, and no new snapshot is taken unasked.
$node->safe_psql('shop', "SELECT pg_drop_replication_slot('start')");
refuses('a slot that is gone', qr/slot "start"/);
is(one_value($node, 'shop', 'SELECT count(*) FROM pg_replication_slots'), 0, 'no slot is made unasked');
$node->safe_psql('shop', "SELECT pg_create_logical_replication_slot('start', 'cdc_envelope')");
refuses('a slot that was made anew', qr/confirmed_flush_lsn|confirmed/);

# The way out, as docs/operations.md has it: forget the slot and the position, and all is read anew.
$node->safe_psql('shop', "SELECT pg_drop_replication_slot('start'); DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (4)");
one_value($node, 'projection', "DELETE FROM projection_position WHERE projection_name = 'start'");
$worker->start;
ok(wait_slot_active($node, 'start'), 'begin again: streaming') or diag($worker->log);
ok(wait_caught_up($node, 'start'), 'begin again: caught up') or diag($worker->log);
same_rows($node, 't');
is($worker->stop, 0, 'a clean stop');

# A sink more: it has not had the rows, and the ways out are those of its message.
projection_node($node)->safe_psql('postgres', 'CREATE DATABASE second');
sub second { return projection_node($node)->safe_psql('second', "SELECT string_agg(id::text, ',' ORDER BY id) FROM t WHERE NOT _deleted") }
my @two = (@{ $settings{sinks} }, { postgres => { dsn => dsn($node, 'projection') =~ s/dbname=\S+/dbname=second/r } });
my %form = (source => { int8 => 'string', cluster => 'other' });
$worker->configure(%settings, %form, sinks => \@two);
refuses('one sink more', qr/has not had the snapshot.*hint: .*snapshot: never.*slot\.on_missing: resnapshot/);
$worker->configure(%settings, %form, sinks => \@two, pipeline => { slot => { on_missing => 'resnapshot' } });
$node->safe_psql('shop', "SELECT pg_drop_replication_slot('start')");
$worker->start;
ok(wait_slot_active($node, 'start'), 'one sink more, resnapshot: streaming') or diag($worker->log);
$node->safe_psql('shop', 'INSERT INTO t VALUES (5)');
ok(wait_caught_up($node, 'start'), 'one sink more, resnapshot: caught up') or diag($worker->log);
same_rows($node, 't');
is(second(), '2,4,5', 'and the new one has the same');
is($worker->stop, 0, 'a clean stop');

# From now on only.
projection_node($node)->safe_psql('postgres', 'CREATE DATABASE third');
push @two, { postgres => { dsn => dsn($node, 'projection') =~ s/dbname=\S+/dbname=third/r } };
$worker->configure(%settings, %form, sinks => \@two, pipeline => { snapshot => 'never' });
$worker->start;
ok(wait_slot_active($node, 'start'), 'one sink more, snapshot: never: streaming') or diag($worker->log);
$node->safe_psql('shop', 'INSERT INTO t VALUES (6)');
ok(wait_caught_up($node, 'start'), 'one sink more, snapshot: never: caught up') or diag($worker->log);
same_rows($node, 't');
is(projection_node($node)->safe_psql('third', 'SELECT string_agg(id::text, \',\') FROM t'), '6', 'and the new one has what came since');
is($worker->stop, 0, 'a clean stop');
done_testing();

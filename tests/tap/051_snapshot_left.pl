# A first snapshot is seen while it is read (requests, `snapshot status`, log, terminal, `check`), and left: by a stop, with
# slot.on_shutdown: drop, by a failure before and after something of it is durable, killed before anything is. What is left
# behind is said, with the way to be rid of it; and in the end the projection equals the source.
use strict;
use warnings;
use CdcTest;
use CdcTest::Gate;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster(autovacuum => 'off');
my $rows = 3000;
create_gates($node, 'doc_gate', 'later_gate');
$node->safe_psql('shop', qq{
	CREATE TABLE all_read (id integer PRIMARY KEY, t text);
	INSERT INTO all_read SELECT i, 'row ' || i FROM generate_series(1, $rows) i;
	CREATE TABLE doc (LIKE all_read INCLUDING ALL);
	INSERT INTO doc SELECT * FROM all_read;
	CREATE TABLE later (LIKE all_read INCLUDING ALL);
	INSERT INTO later SELECT * FROM all_read;
	CREATE ROLE poor LOGIN REPLICATION;
	GRANT USAGE ON SCHEMA cdc_envelope TO poor;
	GRANT SELECT ON ALL TABLES IN SCHEMA public, cdc_envelope TO poor;
	GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO poor;
	REVOKE ALL ON cdc_envelope.snapshot_signal FROM poor;
});
$node->safe_psql('shop', 'VACUUM ANALYZE');
my @tables = qw(all_read doc later);
sub sql { return one_value($node, 'shop', $_[0]) }
sub requests { return sql("SELECT string_agg(table_name || ' ' || state, ', ' ORDER BY id) FROM cdc_envelope.snapshot_signal WHERE state <> 'stopped'") }
sub of_doc { return sql("SELECT coalesce(max($_[0]), 0) FROM cdc_envelope.snapshot_signal WHERE table_name = 'doc' AND state = 'reading'") }
sub slots { return sql('SELECT count(*) FROM pg_replication_slots') }
sub progress
{
	my ($code, $text) = projection_node($node)->psql('projection', "SELECT coalesce(max(snapshot_progress), '') FROM projection_position");
	return $code == 0 ? $text : '';
}
# What a command of the worker's says about its pipeline.
sub said
{
	my ($worker, @command) = @_;
	return (run_command([ $ENV{CDC_WORKER}, @command, '-c', $worker->{file} ]))[0];
}
sub forget
{
	sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT temporary");
	sql('DELETE FROM cdc_envelope.snapshot_signal');
	set_gate($node, $_, 'closed') foreach qw(doc_gate later_gate);
	my $target = projection_node($node);
	$target->safe_psql('postgres', $_) foreach 'DROP DATABASE projection', 'CREATE DATABASE projection';
	return;
}

my %settings = (
	name   => 'left',
	dsn    => dsn($node, 'shop'),
	source => { tables => { where => { 'public.doc' => gated('doc_gate', 'id = 2000'), 'public.later' => gated('later_gate', 'id = 2000') } } },
	sinks  => [ postgres_sink($node) ]);
my %snapshot = (readers => 1, chunk_rows => 200);
my $worker = CdcTest::Worker->new(%settings);

# with the pipeline's other settings
sub start_with
{
	my (%pipeline) = @_;
	$worker->configure(%settings, pipeline => { %pipeline, snapshot => { %snapshot, %{ $pipeline{snapshot} // {} } } });
	return $worker->start(args => ['--progress']);
}

# A snapshot that is complete and went on to streaming.
sub comes_to_its_end
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	set_gate($node, $_, 'open') foreach qw(doc_gate later_gate);
	ok(wait_slot_active($node, 'left'), "$name: streaming") or diag($worker->log);
	sql("UPDATE doc SET t = 'changed' WHERE id = 7");
	ok(wait_caught_up($node, 'left'), "$name: caught up") or diag($worker->log);
	same_rows($node, $_) foreach @tables;
	is(slots(), 1, "$name: no other slot is left");
	is($worker->stop, 0, 'a clean stop');
	return;
}

# Another transaction is older than the slot can be.
my $old = $node->background_psql('shop');
my ($pid) = $old->query_safe('BEGIN; SELECT pg_backend_pid(), txid_current()') =~ /(\d+)\|/;
start_with();
ok($worker->wait_log(qr/slot "left_snapshot_\w+" is being created; it waits for the transaction of process $pid \(role \S+, database shop, idle in transaction, open for \d+ s; last query, begun [^;]+: SELECT pg_backend_pid\(\), txid_current\(\)/),
	'a slot that can not be made yet: whose transaction it waits for') or diag($worker->log);
$old->query_safe('COMMIT');
$old->quit;

# Seen while it is read.
ok(wait_until(sub { of_doc('rows_read') > 1000 }), 'the request says how many rows are read') or diag(requests(), $worker->log);
my $status = said($worker, 'snapshot', 'status');
like($status, qr/^left: \d+ public\.all_read reading, $rows rows of about $rows \(100 %\) in [1-9]\d* chunks, \d\.\d MiB, \d+ rows\/s; read by the first snapshot/m, 'the status: a table that is read whole');
like($status, qr/^left: \d+ public\.doc reading, 1\d{3} rows of about \d{4} \(\d\d %\) in \d+ chunks, \d\.\d MiB, \d+ rows\/s, about \d+ s left; read by/m, '… one that is being read');
like($status, qr/^left: \d+ public\.later reading, 0 rows in 0 chunks, 0\.0 MiB; read by the first snapshot, at the slot's point$/m, '… and one that is not');
ok($worker->wait_log(qr/snapshot of public\.doc: 1\d{3} rows of about \d{4} \(\d\d %\) in \d+ chunks/), 'the log tells how far each table is') or diag($worker->log);
like($worker->log, qr/^left: snapshot, \d{4} rows of about \d+, \d\.\d MiB, 1 of 3 tables, \d+ %, \d+ rows\/s/m, 'and the terminal how far all of it is');
like(said($worker, 'check'), qr/slot "left_snapshot_[0-9a-f]{8}" holds the place of the first snapshot, which process \d+ reads/, 'check names the slot');

# Stopped in its middle.
is($worker->stop, 0, 'a clean stop');
my ($kept) = $worker->log =~ /the first snapshot is interrupted; slot "(left_snapshot_\w+)" is kept, and the next start goes on with it/;
ok($kept, 'the log says that a slot is kept') or diag($worker->log);
is(sql("SELECT string_agg(slot_name, ' ') FROM pg_replication_slots"), $kept, '… which is there');
like(said($worker, 'snapshot', 'status'), qr/public\.doc reading, .*; no worker reads it now: the next start goes on with it/, 'the status says that nobody reads');
my $check = said($worker, 'check');
like($check, qr/slot "$kept" is that of an interrupted first snapshot, which goes on at the next start/, 'and check what the slot is');
like($check, qr/SELECT pg_drop_replication_slot\('$kept'\)/, '… and how to be rid of it');

# … after which it begins again; stopped with slot.on_shutdown: drop.
sql("SELECT pg_drop_replication_slot('$kept')");
sql('DELETE FROM cdc_envelope.snapshot_signal; DELETE FROM all_read WHERE id % 10 = 0');
start_with(slot => { on_shutdown => 'drop' });
ok(wait_until(sub { of_doc('rows_read') > 1000 }), 'with the slot dropped, it begins again') or diag($worker->log);
is($worker->stop, 0, 'on_shutdown: drop: a clean stop');
is(slots(), 0, 'on_shutdown: drop: no slot is left');
is(sql("SELECT string_agg(DISTINCT state || ': ' || message, ', ') FROM cdc_envelope.snapshot_signal"), 'stopped: the worker was stopped, with slot.on_shutdown: drop', '… nor a request');
like($worker->log, qr/the first snapshot is given up, as slot\.on_shutdown says/, '… and the log says so');
start_with();
comes_to_its_end('after that');
is(requests(), 'all_read done, doc done, later done', 'all is done');
like(said($worker, 'snapshot', 'status'), qr/public\.doc done, $rows rows in [1-9]\d* chunks, \d\.\d MiB/, 'and the status says what it took');

# It fails when nothing is durable, for something that only a person can mend.
forget();
set_gate($node, 'doc_gate', 'broken');
{
	local $settings{source} = { tables => { where => { 'public.all_read' => gated('doc_gate', 'id = 1') } } };
	start_with();
	is($worker->wait_exit, 1, 'a failure at the first row ends the worker') or diag($worker->log);
}
like($worker->log, qr/the gate is broken/, '… says why');
unlike($worker->log, qr/is kept/, '… and of no slot');
is(slots(), 0, '… as none is left');
is(sql("SELECT string_agg(DISTINCT state || ': ' || message, ', ') FROM cdc_envelope.snapshot_signal"), 'stopped: the snapshot failed before any of it was durable', '… nor a request');

# It fails when something is.
forget();
start_with();
ok(wait_until(sub { progress() =~ /"done":"\d+-\d+"/ }), 'a table is stored') or diag(progress(), $worker->log);
set_gate($node, 'doc_gate', 'open');
ok(wait_until(sub { progress() =~ /"done":"(\d+)-(\d+)"/ && $2 - $1 == 1 }), 'two tables are stored') or diag(progress(), $worker->log);
set_gate($node, 'later_gate', 'broken');
is($worker->wait_exit, 1, 'a failure later on') or diag($worker->log);
like($worker->log, qr/the gate is broken.*; slot "$kept" is kept and retains WAL: the first snapshot goes on at the next start.*SELECT pg_drop_replication_slot\('$kept'\)/, '… names the slot that is kept, and how to be rid of it');
is(sql("SELECT string_agg(slot_name, ' ') FROM pg_replication_slots"), $kept, '… which is there');
set_gate($node, 'later_gate', 'open');
sql("UPDATE all_read SET t = 'meanwhile' WHERE id % 7 = 0; DELETE FROM later WHERE id % 9 = 0");
$worker->start;
ok(wait_until(sub { requests() eq 'all_read done, doc done, later done' }), 'mended, it goes on') or diag(requests(), $worker->log);
like($worker->log, qr/of its 3 tables with a key 2 are delivered whole/, '… with what is missing');
comes_to_its_end('mended');

# Killed before anything is stored: it begins again, and what is gone by then is not there.
forget();
{
	local $ENV{CDC_FAILPOINT} = 'snapshot_slot_kept:kill';
	start_with();
	is($worker->wait_exit, 'signal 9', 'killed before anything is stored') or diag($worker->log);
}
is(sql("SELECT string_agg(slot_name, ' ') FROM pg_replication_slots WHERE NOT temporary"), $kept, 'the slot is kept');
sql("DELETE FROM all_read WHERE id % 11 = 0; UPDATE later SET t = 'meanwhile' WHERE id % 13 = 0");
start_with();
ok($worker->wait_log(qr/the first snapshot was interrupted, and there is nothing to go on with/), '… and not gone on with') or diag($worker->log);
ok($worker->wait_log(qr/snapshot of 3 tables at/), 'the snapshot is taken again');
comes_to_its_end('again');

# A role that may not write the requests.
forget();
$settings{dsn} =~ s/user=\S+/user=poor/;
start_with(snapshot => { resumable => 'true' });
is($worker->wait_exit, 1, 'resumable: true without the right: refused') or diag($worker->log);
my $way_out = qr/snapshot\.resumable: the role poor may not read and write cdc_envelope\.snapshot_signal.*GRANT SELECT, INSERT, UPDATE ON cdc_envelope\.snapshot_signal TO poor/;
like($worker->log, $way_out, '… with the way out');
is(slots(), 0, '… before a slot is made');
start_with();
ok($worker->wait_log(qr/the snapshot begins again where it is interrupted: $way_out/), 'auto: the log says that it does not resume, and what is missing') or diag($worker->log);
ok($worker->wait_log(qr/^left: snapshot, [1-9]\d* rows of about \d+, .*1 of 3 tables/m), '… and how far it is') or diag($worker->log);
is(sql('SELECT count(*) FROM pg_replication_slots WHERE temporary'), 1, '… no slot is kept');
is($worker->stop, 0, 'a clean stop');
ok(wait_until(sub { slots() eq '0' }), '… and none is left');
start_with();
comes_to_its_end('without resuming');
is(sql('SELECT count(*) FROM cdc_envelope.snapshot_signal'), 0, 'and without a request');
done_testing();

# snapshot.beside_stream: the table without a key is read at the slot's point, those with one beside the stream, and whoever is
# killed on the way, it goes on behind the last chunk that is stored, with what was changed, moved and deleted meanwhile.
use strict;
use warnings;
use CdcTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster();
my $rows = 3000;
# big is stored out of line, so that an update that leaves it alone has not its value in the WAL
$node->safe_psql('shop', qq{
	CREATE TABLE doc (id integer PRIMARY KEY, n integer NOT NULL, big text);
	ALTER TABLE doc ALTER big SET STORAGE EXTERNAL;
	INSERT INTO doc SELECT i, 0, repeat('big ' || i || ' ', 400) FROM generate_series(1, $rows) i;
	CREATE TABLE other (id bigint PRIMARY KEY, t text);
	INSERT INTO other VALUES (1, 'one');
	CREATE TABLE no_key (n integer);
	INSERT INTO no_key SELECT generate_series(1, 1000);
	CREATE TABLE nothing_yet (id integer PRIMARY KEY);
	CREATE ROLE poor LOGIN REPLICATION;
	GRANT USAGE ON SCHEMA cdc_envelope TO poor;
	GRANT SELECT ON ALL TABLES IN SCHEMA public TO poor;
});
sub sql { return one_value($node, 'shop', $_[0]) }
sub requests { return sql("SELECT string_agg(table_name || ' ' || state, ', ' ORDER BY table_name) FROM cdc_envelope.snapshot_signal") }

my %settings = (
	name      => 'resumed',
	log_level => 'debug',
	pipeline  => { snapshot => { beside_stream => \1, chunk_rows => 500 } },
	sinks     => [ postgres_sink($node) ]);

# a role that can't make the requests is told so before anything is done
my $worker = CdcTest::Worker->new(%settings, dsn => dsn($node, 'shop') =~ s/user=\S+/user=poor/r)->start;
is($worker->wait_exit, 1, 'without the right to make requests: refused') or diag($worker->log);
like($worker->log, qr/the role poor may not read and write cdc_envelope\.snapshot_signal .*GRANT SELECT, INSERT, UPDATE/s, '… with the way out');
is(sql('SELECT count(*) FROM pg_replication_slots'), 0, '… and no slot is left');

# killed when the requests are made and the slot is not permanent yet; then at its third chunk, which is read
$worker->configure(%settings, dsn => dsn($node, 'shop'));
sub killed_at
{
	my ($point) = @_;
	local $ENV{CDC_FAILPOINT} = "$point:kill";
	$worker->start;
	is($worker->wait_exit, 'signal 9', "killed at $point") or diag($worker->log);
	return;
}
killed_at('snapshot_requested');
is(requests(), 'doc requested, nothing_yet requested, other requested', 'what has a key is requested');
ok(wait_until(sub { sql('SELECT count(*) FROM pg_replication_slots') eq '0' }), '… and the snapshot is not finished');
sql('DELETE FROM no_key WHERE n > 900; INSERT INTO doc VALUES (0, 0, NULL)');
killed_at('backfill_read@3');
is(sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'resumed' AND NOT temporary"), 1, 'the slot stands');
is(sql('SELECT count(*) FROM cdc_envelope.snapshot_signal'), 3, 'nothing is requested twice');
is(one_value($node, 'projection', 'SELECT count(*) FROM no_key'), 900, 'the table without a key is there, once');
is(one_value($node, 'projection', 'SELECT count(*) FROM doc'), 1000, 'and two chunks of another');
is(one_value($node, 'projection', 'SELECT count(*) FROM nothing_yet'), 0, 'and the empty table');

# of both parts of the table: changed without the long value, moved from one part to the other, deleted, new
sql(qq{
	UPDATE doc SET n = 1 WHERE id % 10 = 0;
	UPDATE doc SET id = id - 10000 WHERE id % 100 = 99;
	UPDATE doc SET id = id + 20000 WHERE id % 100 = 1;
	DELETE FROM doc WHERE id % 50 = 7;
	INSERT INTO doc VALUES (-5, 5, 'new'), (30000, 5, 'new');
	INSERT INTO other VALUES (2, 'two')
});
$worker->start;
ok(wait_until(sub { requests() eq 'doc done, nothing_yet done, other done' }), 'all is read') or diag(requests(), $worker->log);
ok(wait_caught_up($node, 'resumed'), 'the worker catches up') or diag($worker->log);
same_rows($node, $_) foreach qw(doc other no_key nothing_yet);
like($worker->log, qr/snapshot \d+ of public\.doc goes on behind its chunk 2$/m, 'it went on behind the last chunk that was stored');
my ($run) = $worker->log =~ /reads chunk 3 of run (\w+),/;
my @reads = slurp_file($worker->{logfile}) =~ /reads chunk (\d+) of run $run,/g;
is("@reads[0 .. 3]", '1 2 3 3', 'only the chunk in flight was read again');
is(scalar(grep { $reads[$_] <= $reads[ $_ - 1 ] } 4 .. $#reads), 0, '… and none after that') or diag("@reads");

# a restart finds nothing to do
is($worker->stop, 0, 'a clean stop');
$worker->start;
ok(wait_slot_active($node, 'resumed'), 'streaming again');
sql('INSERT INTO doc VALUES (40000, 1, NULL)');
ok(wait_caught_up($node, 'resumed'), 'the worker goes on');
same_rows($node, 'doc');
unlike($worker->log, qr/reads chunk/, '… and reads nothing again');
is($worker->stop, 0, 'a clean stop');

# the slot is lost in the middle of a run: the projection is emptied, so nothing that the run had delivered counts
sql(q{INSERT INTO cdc_envelope.snapshot_signal (slot_name, schema_name, table_name, chunk_rows) VALUES ('resumed', 'public', 'doc', 500)});
killed_at('backfill_read@3');
ok(wait_until(sub { sql("SELECT count(*) FROM pg_replication_slots WHERE active") eq '0' }), '… and its walsender has gone');
sql("SELECT pg_drop_replication_slot('resumed')");
sql('UPDATE doc SET n = 3 WHERE id % 7 = 0');
$worker->configure(%settings, pipeline => { %{ $settings{pipeline} }, slot => { on_missing => 'resnapshot' } }, dsn => dsn($node, 'shop'));
$worker->start;
ok(wait_until(sub { requests() =~ /^(\w+ done(, )?)+$/ }), 'all is read') or diag(requests(), $worker->log);
ok(wait_caught_up($node, 'resumed'), 'the worker catches up') or diag($worker->log);
same_rows($node, $_) foreach qw(doc other no_key nothing_yet);
is($worker->stop, 0, 'a clean stop');
done_testing();

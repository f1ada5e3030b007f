# A first snapshot is killed in its middle: some tables are delivered whole, two in part, one not at all. While the worker is
# away rows are changed, moved, deleted and added, and a table is rewritten. What has been delivered and has not changed since is
# not delivered again; the projection equals the source. Then the same at every point between two steps of such a snapshot.
use strict;
use warnings;
use CdcTest;
use CdcTest::Gate;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster(autovacuum => 'off');
my $rows = 3000;
create_gates($node, 'gate');
# A value of big is stored out of line, so that an update which leaves it alone has not its value in the WAL. Where the gate
# is closed, a reader comes as far as row 2000 of doc and full.
$node->safe_psql('shop', qq{
	CREATE TABLE all_read (id integer PRIMARY KEY, t text);
	INSERT INTO all_read SELECT i, 'row ' || i FROM generate_series(1, $rows) i;
	CREATE TABLE doc (id integer PRIMARY KEY, n integer NOT NULL, big text);
	ALTER TABLE doc ALTER big SET STORAGE EXTERNAL;
	INSERT INTO doc SELECT i, 0, repeat('big ' || i || ' ', 400) FROM generate_series(1, $rows) i;
	CREATE TABLE full_vacuumed (LIKE doc INCLUDING ALL);
	INSERT INTO full_vacuumed SELECT * FROM doc;
	CREATE TABLE later (id integer PRIMARY KEY, t text);
	INSERT INTO later SELECT i, 'row ' || i FROM generate_series(1, $rows) i;
	CREATE TABLE no_key (n integer);
	INSERT INTO no_key SELECT generate_series(1, 1000);
	CREATE TABLE nothing_yet (id integer PRIMARY KEY);
});
$node->safe_psql('shop', 'VACUUM ANALYZE');
my @tables = qw(all_read doc full_vacuumed later no_key nothing_yet);
sub sql { return one_value($node, 'shop', $_[0]) }
sub projected { return one_value($node, 'projection', $_[0]) }
sub requests { return sql("SELECT string_agg(table_name || ' ' || state, ', ' ORDER BY table_name) FROM cdc_envelope.snapshot_signal") }
sub progress
{
	my ($code, $text) = projection_node($node)->psql('projection', "SELECT coalesce(max(snapshot_progress), '') FROM projection_position");
	return $code == 0 ? $text : '';
}

my $worker = CdcTest::Worker->new(
	name     => 'goes_on',
	dsn      => dsn($node, 'shop'),
	source   => { tables => { where => { map { $_ => gated('gate', 'id = 2000') } 'public.doc', 'public.full_vacuumed' } } },
	pipeline => { snapshot => { chunk_rows => 200, readers => 2 } },
	sinks    => [ postgres_sink($node) ]);
$worker->start;
my $ranges = qr/"\d+ \d+ ([\d,-]+)"/;
ok(wait_until(sub { progress() =~ /"done":"\d+-\d+","tables":\[$ranges,$ranges\]/ && arrived($node, 'doc') > 1000 && arrived($node, 'full_vacuumed') > 1000 }),
	'one table is stored whole, two in part') or diag(progress(), $worker->log);
is(sql("SELECT string_agg(regexp_replace(slot_name, '[0-9a-f]{8}\$', '#') || ' ' || temporary, ', ') FROM pg_replication_slots"),
	'goes_on_snapshot_# false', 'a slot is kept for it');
is(requests(), join(', ', map { "$_ reading" } qw(all_read doc full_vacuumed later nothing_yet)), 'what has a key is being read');
like((run_command([ $ENV{CDC_WORKER}, 'snapshot', 'pause', '-c', $worker->{file} ]))[1], qr/the first snapshot is under way/, 'it cannot be paused');
my $second = CdcTest::Worker->new(name => 'second', dsn => dsn($node, 'shop'), source => { slot => 'goes_on' }, sinks => [ postgres_sink($node) ])->start;
ok($second->wait_log(qr/"goes_on" is in use by process \d+: standing by/), 'another worker stands by') or diag($second->log);
is($second->stop, 0, '… and is stopped');
is($worker->kill9, 'signal 9', 'killed');
ok(end_sessions($node, 'shop', "SELECT pid FROM pg_stat_activity WHERE application_name = 'cdc-worker goes_on'"), 'its readers are gone');

# The rows of doc in the pages that are stored as delivered.
my ($id) = sql("SELECT id FROM cdc_envelope.snapshot_signal WHERE table_name = 'doc'");
my ($pages) = progress() =~ /"$id \d+ ([\d,-]+)"/;
my @held = map { my ($from, $to) = split /-/; [ $from, $to // 2**31 ] } split /,/, $pages;
my $in_them = join ' OR ', map { "(ctid::text::point)[0] BETWEEN $_->[0] AND $_->[1]" } @held;
$in_them = "id IN (" . (sql("SELECT string_agg(id::text, ',') FROM doc WHERE $in_them") || 0) . ')';
my $point = projected("SELECT end_lsn FROM projection_position");
my $delivered = sql("SELECT count(*) FROM doc WHERE $in_them");
cmp_ok($delivered, '>', 500, "$delivered rows of doc are in pages that are delivered");

foreach my $table (qw(doc full_vacuumed))
{
	sql(qq{
		UPDATE $table SET n = 1 WHERE id % 10 = 0;
		UPDATE $table SET id = id - 10000 WHERE id % 100 = 99;
		UPDATE $table SET id = id + 20000 WHERE id % 100 = 1;
		DELETE FROM $table WHERE id % 50 = 7;
		INSERT INTO $table VALUES (-5, 5, 'new'), (30000, 5, 'new')
	});
	# a dead row's place is taken by a new one
	$node->safe_psql('shop', "VACUUM $table");
	sql("INSERT INTO $table SELECT i, 7, 'in an old place' FROM generate_series(50000, 50100) i");
}
$node->safe_psql('shop', 'VACUUM FULL full_vacuumed');
sql(qq{
	UPDATE all_read SET t = 'changed' WHERE id % 7 = 0;
	DELETE FROM all_read WHERE id % 7 = 1;
	UPDATE later SET id = -id WHERE id % 7 = 0;
	INSERT INTO nothing_yet VALUES (1);
	INSERT INTO no_key VALUES (5000)
});
set_gate($node, 'gate', 'open');
my $unchanged = "$in_them AND id % 10 <> 0 AND id % 100 NOT IN (99, 1) AND id % 50 <> 7";

# killed once more, in the middle of a run
{
	local $ENV{CDC_FAILPOINT} = 'backfill_read@3:kill';
	$worker->start;
	is($worker->wait_exit, 'signal 9', 'killed again, in a run') or diag($worker->log);
}
like($worker->log, qr/of its 5 tables with a key 1 are delivered whole and 2 in part/, 'the log says what is missing');
$worker->start;
ok(wait_until(sub { requests() eq join(', ', map { "$_ done" } qw(all_read doc full_vacuumed later nothing_yet)) }), 'all is read')
  or diag(requests(), $worker->log);
ok(wait_caught_up($node, 'goes_on'), 'the worker catches up') or diag($worker->log);
same_rows($node, $_) foreach @tables;

my $at_point = "_commit_lsn::pg_lsn = '$point'::pg_lsn AND _seq IS NULL AND NOT _deleted";
is(projected("SELECT count(*) FROM doc WHERE $at_point"), sql("SELECT count(*) FROM doc WHERE $unchanged"),
	'what was delivered and is unchanged, and nothing else, is as it was delivered at first');
is(projected("SELECT count(*) FROM doc WHERE $at_point AND NOT ($in_them)"), 0, '… and no other row');
is(projected("SELECT count(*) FROM all_read WHERE $at_point"), sql("SELECT count(*) FROM all_read WHERE t <> 'changed'"), 'of a table that was whole nothing came again');
is(projected("SELECT count(*) FROM full_vacuumed WHERE $at_point"), 0, 'a table that was rewritten is read from its start');
is(projected("SELECT count(*) FROM projection_position WHERE snapshot_progress LIKE '%\"snapshot\"%'"), 0, 'the first snapshot is forgotten');
is($worker->stop, 0, 'a clean stop');

# At each point between two steps; and with nothing stored it begins again.
foreach my $case ([ 'snapshot_requested', 0, qr/snapshot of \d+ tables at/ ],
	[ 'snapshot_slot_kept', 1, qr/of its 5 tables with a key 0 are delivered whole and 0 in part/ ],
	[ 'postgres.before_key', 1, qr/of its 5 tables with a key 5 are delivered whole and 0 in part/ ],
	[ 'postgres.before_key@3', 1, qr/of its 5 tables with a key 5 are delivered whole and 0 in part/ ],
	[ 'snapshot_durable', 1, qr/of its 5 tables with a key 5 are delivered whole and 0 in part/ ],
	[ 'snapshot_slot_permanent', 2, qr/of its 5 tables with a key 5 are delivered whole and 0 in part/ ],
	[ 'snapshot_finished', 1, qr/streaming from/ ])
{
	my ($failpoint, $slots, $log) = @$case;
	sql("SELECT pg_drop_replication_slot('goes_on')");
	sql('DELETE FROM cdc_envelope.snapshot_signal');
	my $target = projection_node($node);
	$target->safe_psql('postgres', $_) foreach 'DROP DATABASE projection', 'CREATE DATABASE projection';
	{
		local $ENV{CDC_FAILPOINT} = "$failpoint:kill";
		$worker->start;
		is($worker->wait_exit, 'signal 9', "killed at $failpoint") or diag($worker->log);
	}
	ok(wait_until(sub { sql('SELECT count(*) FROM pg_replication_slots') eq $slots }), "… with $slots slots");
	sql("UPDATE doc SET n = n + 1 WHERE id % 10 = 2; DELETE FROM later WHERE id = (SELECT max(id) FROM later)");
	$worker->start;
	ok(wait_until(sub { requests() eq join(', ', map { "$_ done" } qw(all_read doc full_vacuumed later nothing_yet)) }), '… all is read')
	  or diag(requests(), $worker->log);
	ok(wait_slot_active($node, 'goes_on') && wait_caught_up($node, 'goes_on'), '… and the worker catches up') or diag($worker->log);
	like($worker->log, $log, '… the way it should');
	same_rows($node, $_) foreach @tables;
	is(projected("SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE i.indisprimary AND c.relname IN ('"
			  . join("', '", qw(all_read doc full_vacuumed later nothing_yet))
			  . "')"), 5, '… each with its key');
	is($worker->stop, 0, 'a clean stop');
}
done_testing();

# Between two chunks of a run the table gets another key, another order of it, or another table takes its name: what the run had
# read says nothing of what is left then, so it is read from its start. And a request that was done is begun anew where someone
# sets it back.
use strict;
use warnings;
use CdcTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster();
my $rows = 3000;
sub sql { return one_value($node, 'shop', $_[0]) }
sql(qq{
	CREATE TABLE doc (id integer PRIMARY KEY, other integer NOT NULL, code text NOT NULL);
	INSERT INTO doc SELECT i, $rows + 1 - i, CASE WHEN i % 2 = 0 THEN 'A' ELSE 'b' END || i FROM generate_series(1, $rows) i;
	CREATE TABLE newer (LIKE doc INCLUDING ALL);
	INSERT INTO newer SELECT -id, other, code FROM doc;
});
my $worker = CdcTest::Worker->new(
	name     => 'keys',
	dsn      => dsn($node, 'shop'),
	pipeline => { snapshot => 'never' },
	sinks    => [ { stdout => {} } ]);

sub request
{
	my ($column) = @_;
	return sql("SELECT $column FROM cdc_envelope.snapshot_signal WHERE slot_name = 'keys' ORDER BY id DESC LIMIT 1");
}
sub ids_read { return map { $_->{after}{id} // $_->{after}{number} } grep { $_->{op_type} eq 'r' } map { decode_json($_) } split /\n/, slurp_file($worker->{outfile}) }

# A run that is frozen behind its fifth chunk, for DDL.
sub read_while
{
	my ($what, $ddl, $id) = (@_, 'id');
	{
		local $ENV{CDC_FAILPOINT} = 'backfill_delivered@5:freeze';
		$worker->start;
	}
	ok(wait_slot_active($node, 'keys'), 'streaming') or diag($worker->log);
	truncate($worker->{outfile}, 0);
	sql(q{INSERT INTO cdc_envelope.snapshot_signal (slot_name, schema_name, table_name, chunk_rows) VALUES ('keys', 'public', 'doc', 200)});
	ok(wait_until(sub { slurp_file('/proc/' . $worker->pid . '/stat') =~ /\) T / }), 'five chunks are read') or diag($worker->log);
	sql($ddl);
	$worker->signal('CONT');
	ok(wait_until(sub { request('state') =~ /^(done|failed|stopped)$/ }), 'the run ends') or diag($worker->log);
	is(request('state'), 'done', "$what: done") or diag(request('message'), $worker->log);
	my %read = map { $_ => 1 } ids_read();
	is(scalar(grep { !$read{$_} } split /\n/, sql("SELECT $id FROM doc")), 0, '… and every row was read');
	like($worker->log, qr/of snapshot \d+ has got another key, name or parent: it is read from its start/, '… as the log says');
	is($worker->stop, 0, 'a clean stop');
	return;
}
read_while('another key', 'ALTER TABLE doc DROP CONSTRAINT doc_pkey, ADD PRIMARY KEY (other)');
sql('ALTER TABLE doc DROP CONSTRAINT doc_pkey, ADD PRIMARY KEY (code)');
read_while('another order', 'ALTER TABLE doc ALTER code TYPE text COLLATE "C"');
read_while('another table', 'BEGIN; ALTER TABLE doc RENAME TO older; ALTER TABLE newer RENAME TO doc; COMMIT');

# A row that gets another key under the key's new name, and whose event lacks a value: nobody can tell where it was before.
sql(q{
	ALTER TABLE doc ADD note text;
	ALTER TABLE doc ALTER note SET STORAGE EXTERNAL;
	UPDATE doc SET note = repeat('x', 10000) WHERE id = -2900});
read_while('a renamed key', 'BEGIN; ALTER TABLE doc RENAME id TO number; UPDATE doc SET number = -90000 WHERE note IS NOT NULL; COMMIT', 'number');
unlike($worker->log, qr/error/, '… without a failure');

# by hand
$worker->start;
ok(wait_slot_active($node, 'keys'), 'streaming') or diag($worker->log);
truncate($worker->{outfile}, 0);
sql("UPDATE cdc_envelope.snapshot_signal SET state = 'requested' WHERE id = (SELECT max(id) FROM cdc_envelope.snapshot_signal)");
ok(wait_until(sub { request('state') eq 'done' }), 'a request is set back, and done again') or diag($worker->log);
is(scalar(ids_read()), $rows, '… and all rows were read') or diag($worker->log);
truncate($worker->{outfile}, 0);
sql("UPDATE cdc_envelope.snapshot_signal SET state = 'requested' WHERE id = (SELECT max(id) FROM cdc_envelope.snapshot_signal)");
ok(wait_until(sub { request('state') eq 'done' }), '… and once more') or diag($worker->log);
is(scalar(ids_read()), $rows, '… all rows');
is($worker->stop, 0, 'a clean stop');
done_testing();

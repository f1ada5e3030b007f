# The way by hand, as the README has it: extension, slot, pg_recvlogical shows one line per event.
use strict;
use warnings;
use CdcTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster(extension => 0);
$node->safe_psql('shop', 'CREATE EXTENSION cdc_envelope');
is(one_value($node, 'shop', "SELECT slot_name FROM pg_create_logical_replication_slot('s', 'cdc_envelope')"),
	's', 'a slot with the plugin');

$node->safe_psql('shop', <<'SQL');
CREATE TABLE orders (id int PRIMARY KEY, qty int, note text);
INSERT INTO orders VALUES (1, 5, E'two\nlines'), (2, 6, 'Größe "L"');
UPDATE orders SET qty = 7 WHERE id = 1;
DELETE FROM orders WHERE id = 2;
BEGIN; INSERT INTO orders VALUES (3, 1, 'never'); ROLLBACK;
SQL
my $end = one_value($node, 'shop', 'SELECT pg_current_wal_lsn()');

my ($lines, $error) = run_command(
	[   'pg_recvlogical', '-d', dsn($node, 'shop'), '-S', 's', '--start', '-f', '-', '--endpos', $end, '--no-loop',
		'-o', 'cluster=clusterA', '-o', 'source_commit=abc123', '-o', 'projection=orders_v1', '-o',
		'evidence=literal' ]);
is($error, '', 'pg_recvlogical has nothing to complain of');
my @events = map { decode_json($_) } split /\n/, $lines;
is(join(' ', map { $_->{op_type} } @events), 's c c u d', 'schema change, two inserts, an update, a delete');

my ($schema, $first, $second, $update, $delete) = @events;
is($first->{source_id}, 'pg://clusterA/shop/public.orders/PK:1', 'source_id names cluster, database, table and key');
is_deeply($first->{after}, { id => 1, qty => 5, note => "two\nlines" }, 'the new row');
is($second->{after}{note}, "Gr\x{f6}\x{df}e \"L\"", 'text as it is');
is_deeply([ map { $_->{seq} } @events[ 1, 2 ] ], [ 0, 1 ], 'seq counts within the transaction');
is($first->{schema_version}, 1, 'the first definition of the table');
is($first->{evidence_id}, 'sha256:abc123@projection:orders_v1', 'evidence_id');
is($update->{after}{qty}, 7, 'an update carries the new row');
is_deeply($delete->{before}, { id => 2 }, 'a delete carries the key of the old row');
is($delete->{after}, undef, '… and no new one');
like((split /\n/, $lines)[1],
	qr/^\{"source_id":"[^"]+","schema_version":1,"op_type":"c","ts_source":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z","commit_lsn":"[0-9A-F]+\/[0-9A-F]+","xid":\d+,"seq":0,"schema":"public","table":"orders","key":\{"id":1\},"before":null,"after":\{"id":1,"qty":5,"note":"two\\nlines"\},"evidence_id":"[^"]+"\}$/,
	'the fields in their order, without whitespace');

is(one_value($node, 'shop', "SELECT count(*) FROM pg_logical_slot_get_changes('s', '$end', NULL)"),
	0, 'what pg_recvlogical confirmed does not come again');

# A definition too long for a page is out of line in the history; a walsender has no active snapshot to read it under.
$node->safe_psql('shop', 'CREATE TABLE wide AS SELECT ' . join(', ', map { "$_ AS column_" . $_ * 7919 % 1000003 . "_of_many" } 1 .. 1000));
$end = one_value($node, 'shop', 'SELECT pg_current_wal_lsn()');
($lines, $error) = run_command(
	[ 'pg_recvlogical', '-d', dsn($node, 'shop'), '-S', 's', '--start', '-f', '-', '--endpos', $end, '--no-loop' ]);
is($error, '', 'a wide table made and filled by one command');
@events = map { decode_json($_) } split /\n/, $lines;
is(join(' ', map { "$_->{op_type}$_->{schema_version}" } @events), 's1 c1', '… is told before its row');
is(scalar @{ $events[0]{after}{columns} }, 1000, '… with all its columns');
done_testing();

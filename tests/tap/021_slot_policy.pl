# What a slot may emit is said in the server: a role that has nothing but LOGIN and REPLICATION gets what the policy lets
# through, whatever it asks for, from the moment on that the policy says so.
use strict;
use warnings;
use CdcTest;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster();
$node->safe_psql('shop', <<'SQL');
CREATE ROLE reader LOGIN REPLICATION;
CREATE TABLE orders (id int PRIMARY KEY, item text, card text);
CREATE TABLE salaries (id int PRIMARY KEY, amount int);
SELECT pg_create_logical_replication_slot('stream', 'cdc_envelope');
INSERT INTO orders VALUES (1, 'pear', '4111');
INSERT INTO salaries VALUES (1, 1000);
SQL
my $dsn = dsn($node, 'shop') =~ s/user=\S+/user=reader/r;

my ($code, $out, $error) = $node->psql('shop', 'SELECT * FROM orders', extra_params => [ '-U', 'reader' ]);
like($error, qr/permission denied for table orders/, 'the role can read no table');

# A stream that goes on for the whole test: its lines so far.
my $file   = "$PostgreSQL::Test::Utils::tmp_check/stream";
my @stream = ('pg_recvlogical', '-d', $dsn, '--start', '--no-loop', '--status-interval=1', '--fsync-interval=0');
my $stream = IPC::Run::start([ @stream, '-S', 'stream', '-f', $file, '-o', 'messages=all' ], '2>', \my $complaint);

sub lines { return -e $file ? split /\n/, slurp_file($file) : () }

# Commits something and then a mark, and returns what has come since the last mark.
my ($marks, $seen) = (0, 0);
sub streamed
{
	my ($sql) = @_;
	$node->safe_psql('shop', $sql);
	$marks++;
	$node->safe_psql('shop', "INSERT INTO marks VALUES ($marks)");
	ok(wait_until(sub { (grep { /"table":"marks".*"after":\{"id":$marks\}/ } lines()) > 0 }, 30), "mark $marks has come")
	  or diag($complaint);
	my @lines = lines();
	my @new   = grep { !/"table":"marks"/ } @lines[ $seen .. $#lines ];
	$seen = @lines;
	return @new;
}
sub shown { return join ' ', map { my $e = decode_json($_); "$e->{op_type}:" . ($e->{table} // 'message') } @_ }

$node->safe_psql('shop', 'CREATE TABLE marks (id int PRIMARY KEY)');
is(shown(streamed("INSERT INTO salaries VALUES (2, 2000)")),
	'c:orders c:salaries c:salaries', 'without a policy everything comes');

# The policy changes under the stream, which goes on.
my @lines = streamed(<<'SQL');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, masks)
	VALUES ('stream', '{public.orders,public.marks}', '{public.orders.card:redact}');
INSERT INTO salaries VALUES (3, 3000);
INSERT INTO orders VALUES (3, 'plum', '4333');
SELECT pg_logical_emit_message(true, 'salary', '3000'), pg_logical_emit_message(false, 'salary', '3000');
ALTER TABLE salaries ADD bonus int;
SQL
is(shown(@lines), 'c:orders', 'a policy holds from the next transaction on');
unlike(join("\n", @lines), qr/salar|3000|bonus|4333|slot_policy/, '… and nothing of what it hides is in the stream');
like($lines[0], qr/"card":null/, '… nor what it masks');
is(shown(streamed("UPDATE cdc_envelope.slot_policy SET include_tables = '{public.salaries,public.marks}', messages = 'transactional';
	INSERT INTO salaries VALUES (4, 4000); INSERT INTO orders VALUES (4, 'fig', '4444'); SELECT pg_logical_emit_message(true, 'p', 'm')")),
	'c:salaries m:message', 'one that is altered too');
is(shown(streamed("BEGIN; DELETE FROM cdc_envelope.slot_policy; INSERT INTO orders VALUES (5, 'x', 'x'); ROLLBACK; INSERT INTO orders VALUES (6, 'x', 'x')")),
	'', 'one that was rolled back never held');
is(shown(streamed("TRUNCATE cdc_envelope.slot_policy; INSERT INTO orders VALUES (7, 'x', 'x')")), 'c:orders', 'one that is gone keeps nothing back');
ok($stream->pumpable, 'it is still the same stream');
$stream->signal('INT');
$stream->finish;

# A slot read afterwards: the policy is older than nothing of it, and options widen nothing.
$node->safe_psql('shop', <<'SQL');
SELECT pg_create_logical_replication_slot('late', 'cdc_envelope');
INSERT INTO orders VALUES (10, 'pear', '4111');
INSERT INTO salaries VALUES (10, 1000);
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, columns) VALUES ('late', '{public.orders}', '{public.orders.id,public.orders.item}');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables) VALUES ('*', '{}');
SQL

# What the role gets of a slot; the slot keeps it.
sub read_slot
{
	my ($slot, @options) = @_;
	my ($text, $trouble) = run_command([ 'psql', '-XAt', '-d', $dsn, '-c', "SELECT data FROM pg_logical_slot_peek_changes('$slot', NULL, NULL"
		  . join('', map { ", '$_'" } @options) . ')' ]);
	return $trouble || $text;
}
like(read_slot('late'), qr/^[^\n]*"after":\{"id":10,"item":"pear"\}[^\n]*$/, 'what was written before the policy is kept back by it');
is(read_slot('late', 'include_tables', '*.salaries'), '', 'an option for what it hides gets nothing');
is(read_slot('late', 'include_tables', 'cdc_envelope.*'), '', '… nor for the policy itself');
my $end = one_value($node, 'shop', 'SELECT pg_current_wal_lsn()');
my ($text) = run_command([ @stream, '-S', 'late', '-f', '-', '--endpos', $end, '-o', 'include_tables=*.*', '-o', 'transactions=on' ]);
is(join(' ', map { my $e = decode_json($_); $e->{op_type} } split /\n/, $text), 'b c e', 'in the stream likewise');
unlike($text, qr/4111|salar|card/, '… with no trace of the rest');
$node->safe_psql('shop', "INSERT INTO orders VALUES (11, 'pear', '4111')");
run_command([ 'psql', '-XAt', '-d', $dsn, '-c', "SELECT pg_copy_logical_replication_slot('late', 'copy')" ]);
is(read_slot('copy'), '', 'a copy of the slot under another name has the policy of that name');
like(read_slot('late', 'mask', 'public.orders.nothing:hash'), qr/WARNING:.*"nothing"/, 'a mask for no column is told');

# It goes where the database goes, with names in it of what comes later in a dump.
my $filter = $node->pg_version >= 15 ? 'WHERE (id > 5)' : '';
$node->safe_psql('shop', <<"SQL");
CREATE PUBLICATION later FOR TABLE orders $filter;
INSERT INTO cdc_envelope.slot_policy VALUES ('dumped', '{*.*}', '{*.salaries}', '{public.orders.id}', '{public.orders.card:hash}', '{later}', 'all', true);
SQL
my $dump = "$PostgreSQL::Test::Utils::tmp_check/dump.sql";
my $all  = 'SELECT * FROM cdc_envelope.slot_policy ORDER BY slot_name';
$node->command_ok([ 'pg_dump', '-f', $dump, 'shop' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', $dump ], '… and restored');
is($node->safe_psql('restored', $all), $node->safe_psql('shop', $all), 'the policy is in the dump');
is($node->safe_psql('restored', "SELECT cdc_envelope.policy_of('dumped') || cdc_envelope.policy_of('other')"), 'dumped*', '… and holds');

# The worker: its snapshot and its stream.
$node->safe_psql('shop', <<'SQL');
GRANT USAGE ON SCHEMA public, cdc_envelope TO reader;
GRANT SELECT ON orders, salaries, cdc_envelope.schema_history TO reader;
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, masks) VALUES ('worker', '{public.orders}', '{public.orders.card:redact}');
SQL
my $worker = CdcTest::Worker->new(name => 'worker', dsn => $dsn, sinks => [ postgres_sink($node) ])->start;
ok(wait_slot_active($node, 'worker'), 'the worker streams') or diag($worker->log, $worker->running ? 'running' : 'ended');
$node->safe_psql('shop', "INSERT INTO orders VALUES (12, 'streamed', '4111'); INSERT INTO salaries VALUES (12, 1)");
ok(wait_caught_up($node, 'worker'), 'it has caught up');
is(one_value($node, 'projection', "SELECT count(*), count(card), max(item) FILTER (WHERE id = 12) FROM orders"),
	one_value($node, 'shop', "SELECT count(*) || '|0|streamed' FROM orders"), 'the projection has the rows without what is masked');
is(one_value($node, 'projection', "SELECT to_regclass('salaries') IS NULL"), 't', '… and not the table that is hidden');
is($worker->stop(10), 0, 'it stops cleanly');
done_testing();

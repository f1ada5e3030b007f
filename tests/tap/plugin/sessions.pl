# A backend that decodes again and again: the plugin is started anew each time, and what it had before is gone. 10,000
# readings in one session, errors in every callback that can raise one, and readings that are cancelled wherever they are.
#   SESSION_READINGS   how many readings (10,000)
use strict;
use warnings;
use CdcTest;
use CdcTest::Slots;
use PostgreSQL::Test::Utils;
use Test::More;

my $readings = $ENV{SESSION_READINGS} // 10_000;
my $node     = source_cluster(autovacuum => 'off');
slot_create($node, 'shop', s => 'cdc_envelope');
$node->safe_psql('shop', <<'SQL');
CREATE TABLE keyed (id int PRIMARY KEY, t text, doc jsonb, moments timestamptz[]);
CREATE TABLE parts (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (9);
CREATE PUBLICATION p FOR TABLE keyed, parts;
INSERT INTO keyed SELECT g, repeat('x', 5000 * g), '{"a": [1, "b"]}', ARRAY[now()] FROM generate_series(1, 4) g;
UPDATE keyed SET t = md5(t);
INSERT INTO parts VALUES (1, 1);
TRUNCATE keyed;
SELECT pg_logical_emit_message(true, 'prefix', 'content');
SQL

# The settings of a reading, and what it ends with.
sub peek { my (@options) = @_; return 'SELECT count(*) FROM pg_logical_slot_peek_changes(' . join(', ', "'s'", 'NULL', 'NULL', map { "'$_'" } @options) . ");\n" }

my $whole  = peek('transactions', 'on', 'batch_bytes', 65536);
my $memory = q{SELECT sum(used_bytes) FILTER (WHERE name NOT IN (:left_out)) || ' ' || substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s+(\d+)') FROM pg_backend_memory_contexts;} . "\n";

# Runs the statements $count times in one session, after some of them to get warm; says what it printed, and what the server
# complained of. $left_out: a context that may grow.
sub repeated
{
	my ($what, $count, $statements, $after, $left_out) = @_;
	my ($code, $output, $complaints) = $node->psql('shop',
		"\\set left_out '''" . ($left_out // '') . "'''\n" . $statements x 50 . $memory . $statements x $count . $memory . ($after // ''), on_error_stop => 0);
	my ($early, $late) = $output =~ /^(\d+ \d+)$/mg;
	my ($used, $anonymous)           = split / /, $early // '0 0';
	my ($used_late, $anonymous_late) = split / /, $late // '9e9 9e9';
	cmp_ok($used_late,      '<', $used * 1.05,      "$what: the contexts hold what they held: $used bytes, then $used_late");
	cmp_ok($anonymous_late, '<', $anonymous + 4096, "$what: the backend has the memory that it had: $anonymous KiB, then $anonymous_late");
	return ($output, $complaints);
}

my ($expected) = $node->safe_psql('shop', $whole);
my ($output, $complaints) = repeated("$readings readings", $readings, $whole);
is($complaints, '', 'none of them complains');
is(scalar(() = $output =~ /^\Q$expected\E$/mg), $readings + 50, "all of them have the same $expected messages");

($output, $complaints) = repeated('readings by publications', 1000, peek('publication_names', 'p', 'partition', 'root'));
is($complaints, '', 'none of them complains');

# in the callbacks for the start, a row, a TRUNCATE and a DDL's row in the history. Fewer in the stream, as each of those costs
# the SQL functions of PostgreSQL one open file, whatever the plugin (xlogreader's segment).
my %errors = (
	'at the start'  => [ 1000, peek('max_value_bytes', 'many') . peek('publication_names', 'nobody'), 2 ],
	'in a row'      => [ 150,  peek('mask', 'public.keyed.id:redact'), 1 ],
	'in a TRUNCATE' => [ 150,  peek('include_tables', 'public.emptied', 'mask', 'public.emptied.id:redact'), 1 ]);
$node->safe_psql('shop', 'CREATE TABLE emptied (id int PRIMARY KEY); TRUNCATE emptied');
foreach my $where (sort keys %errors)
{
	my ($count, $statements, $each) = @{ $errors{$where} };
	my ($output, $complaints) = repeated("errors $where", $count, $statements, $whole);
	is(scalar(() = $complaints =~ /ERROR:/g), $each * ($count + 50), "errors $where: each time");
	cmp_ok((split /\n/, $output)[-1], '>=', $expected, "errors $where: and then the same backend decodes");
}

# A cancellation comes wherever the reading then is. Where that is in the midst of a table's description, PostgreSQL leaves what it
# has of it in its cache, with or without a plugin (relcache.c, RelationBuildDesc).
$node->safe_psql('shop', "INSERT INTO keyed SELECT g, repeat('y', 300), '{\"a\": 1}' FROM generate_series(1, 20000) g");
($output, $complaints) = repeated('cancelled readings', 100, join('', map { "SET statement_timeout = $_;\n" . $whole } 1, 3, 9), "SET statement_timeout = 0;\n$whole", 'CacheMemoryContext');
cmp_ok(scalar(() = $complaints =~ /canceling statement due to statement timeout/g), '>', 50, 'readings were cancelled');
cmp_ok((split /\n/, $output)[-1], '>', $expected, 'and then the same backend decodes');
done_testing();

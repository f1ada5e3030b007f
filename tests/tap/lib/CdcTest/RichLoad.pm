# A workload of all that is hard to deliver, written by pgbench while something is being killed: values that are out of line
# and stay unchanged, keys that move and swap, deletes, truncates, numerics, jsonb, arrays, subtransactions that are rolled
# back, transactions over several tables. Each transaction adds one row to the table tx.
package CdcTest::RichLoad;

use strict;
use warnings;
use CdcTest;
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(create_rich_load start_rich_load stop_rich_load rich_tables);

sub rich_tables { return qw(doc swap brief typed tx) }

sub create_rich_load
{
	my ($node) = @_;
	$node->safe_psql($CdcTest::source, <<'SQL');
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE doc (id int PRIMARY KEY, slot int UNIQUE, big text, tags text[], j jsonb);
ALTER TABLE doc ALTER big SET STORAGE EXTERNAL;
CREATE TABLE swap (id int PRIMARY KEY, name text, big text);
ALTER TABLE swap ALTER big SET STORAGE EXTERNAL;
CREATE TABLE brief (id int PRIMARY KEY, v text);
CREATE TABLE typed (id int, part text, n numeric, r numeric(12,4), f float8, j jsonb, a int[], t timestamptz, i interval, b bytea,
	u uuid, m mood, g int4range, PRIMARY KEY (id, part));
CREATE TABLE tx (xid bigint PRIMARY KEY DEFAULT pg_current_xact_id()::text::bigint);
INSERT INTO doc SELECT n, n, repeat(n::text, 3000), ARRAY['a', n::text], 'null' FROM generate_series(1, 100) n;
INSERT INTO swap SELECT n, 'row ' || n, repeat(n::text, 3000) FROM generate_series(1, 40) n;
INSERT INTO brief VALUES (1, 'new');
INSERT INTO typed (id, part, n) VALUES (0, '', 'NaN');
INSERT INTO tx DEFAULT VALUES;
SQL
	return;
}

my %scripts = (
	'rows@10' => <<'SQL',
\set a random(1, 40)
\set b random(1, 40)
\set d random(1, 100)
\set e random(1, 100)
\set r random(1, 60)
BEGIN;
SELECT pg_advisory_xact_lock(1);
INSERT INTO tx DEFAULT VALUES;
UPDATE doc SET j = jsonb_build_object('n', :r), tags = tags[2:3] || ARRAY[:r::text, NULL] WHERE id = :d;
SELECT slot AS slot_d FROM doc WHERE id = :d \gset
SELECT slot AS slot_e FROM doc WHERE id = :e \gset
UPDATE doc SET slot = -(:d) WHERE id = :d;
UPDATE doc SET slot = :slot_d WHERE id = :e;
UPDATE doc SET slot = :slot_e WHERE id = :d;
UPDATE swap SET id = -id WHERE id = :a;
UPDATE swap SET id = :a WHERE id = :b;
UPDATE swap SET id = :b WHERE id = -(:a);
INSERT INTO brief VALUES (:r, 'a') ON CONFLICT (id) DO UPDATE SET v = right(brief.v || :a, 40);
DELETE FROM brief WHERE id = :d;
COMMIT;
SQL
	'types@10' => <<'SQL',
\set id random(1, 300)
\set x random(-1000000, 1000000)
BEGIN;
INSERT INTO tx DEFAULT VALUES;
INSERT INTO typed VALUES (:id, 'p"' || :id % 3, (:x) / 7.0, (:x) / 10000.0, (:x) / 3.0::float8, jsonb_build_object('x', (:x), 'l', jsonb_build_array(null, '€"\')),
	ARRAY[(:x), NULL, :id], now(), make_interval(secs => (:x) / 1000.0), sha256((:x)::text::bytea), md5((:x)::text)::uuid,
	CASE WHEN (:x) > 0 THEN 'glad'::mood END, int4range(:id, :id + 5))
	ON CONFLICT (id, part) DO UPDATE SET n = EXCLUDED.n, j = EXCLUDED.j, a = typed.a[2:] || EXCLUDED.a[1:1], t = EXCLUDED.t;
SAVEPOINT one;
DELETE FROM typed WHERE id = :id % 150 + 1;
ROLLBACK TO one;
SAVEPOINT two;
UPDATE typed SET b = NULL, g = 'empty' WHERE id = :id % 100;
RELEASE two;
DELETE FROM typed WHERE id = :id % 50 AND (:x) % 3 = 0;
COMMIT;
SQL
	'truncate@1' => "BEGIN; SELECT pg_advisory_xact_lock(1); INSERT INTO tx DEFAULT VALUES; TRUNCATE brief; INSERT INTO brief VALUES (1, 'new'); COMMIT;\n",
	'single@20' => "INSERT INTO tx DEFAULT VALUES;\n");

# Starts it: a handle for stop_rich_load.
sub start_rich_load
{
	my ($node, %how) = @_;
	my @files;
	foreach my $name (sort keys %scripts)
	{
		my ($file, $weight) = split /@/, $name;
		$file = "$PostgreSQL::Test::Utils::tmp_check/rich_$file.sql";
		unlink $file;
		append_to_file($file, $scripts{$name});
		push @files, '-f', "$file\@$weight";
	}
	my %load = (output => '');
	$load{run} = IPC::Run::start(
		[   'pgbench', '--no-vacuum', @files, '-c', $how{clients} // 4, '-T', $how{seconds} // 3, '--max-tries=100',
			($how{rate} ? ('-R', $how{rate}) : ()), '-h', $node->host, '-p', $node->port, $CdcTest::source ],
		'>', \$load{output}, '2>&1');
	return \%load;
}

# Ends it, and waits until what it was committing at the time is committed. One passed or failed test: it has gone on so far.
sub stop_rich_load
{
	my ($node, $load) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	IPC::Run::signal($load->{run}, 'TERM');
	IPC::Run::finish($load->{run});
	is($load->{output} =~ s/^pgbench \(.*\)\n//r, '', 'pgbench has gone on all the while');
	wait_until(
		sub { one_value($node, $CdcTest::source, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'") eq '0' })
	  or die 'sessions of pgbench are still there';
	return;
}

1;

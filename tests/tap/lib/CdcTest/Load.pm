# A workload that leaves marks: transactions over several tables, written by pgbench while something is being killed. Each
# transaction adds one row to the table tx, so that one can say afterwards which transactions have arrived.
package CdcTest::Load;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;

our @EXPORT = qw(create_load start_load finish_load load_tables);

sub load_tables { return qw(item stock tx) }

# The tables in database shop: a surrogate key, a composite key with an enum in it, and the marks.
sub create_load
{
	my ($node, $rows) = @_;
	$rows //= 1000;
	$node->safe_psql($CdcTest::source, qq{
		CREATE TYPE place AS ENUM ('shelf', 'yard');
		CREATE TABLE item (id bigint PRIMARY KEY, qty integer NOT NULL, price numeric(12,2), note text, doc jsonb,
			changed timestamptz);
		CREATE TABLE stock (sku text, at place, amount integer NOT NULL, PRIMARY KEY (sku, at));
		CREATE TABLE tx (xid bigint PRIMARY KEY DEFAULT pg_current_xact_id()::text::bigint, client integer);
		INSERT INTO item SELECT n, n % 100, n * 1.01, 'item "' || n || '"', jsonb_build_object('n', n), now()
			FROM generate_series(1, $rows) n;
		INSERT INTO stock SELECT 'sku' || n, at, n FROM generate_series(1, $rows / 10) n, unnest(enum_range(NULL::place)) at;
	});
	return;
}

# Starts pgbench on these tables: a handle for finish_load. SIGTERM ends it before its time; not SIGINT, which a job in the
# background of a shell ignores, and so what it starts.
sub start_load
{
	my ($node, %how) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/load.sql";
	open(my $script, '>', $file) or die "could not write $file: $!";
	print $script <<'SQL';
\set id random(1, 1200)
\set other random(1, 1200)
\set sku random(1, 100)
BEGIN;
INSERT INTO tx (client) VALUES (:client_id);
INSERT INTO item VALUES (:id, 1, 9.99, repeat('é', :sku), '{"a": null}', now())
	ON CONFLICT (id) DO UPDATE SET qty = item.qty + 1, note = item.note || :sku, changed = now();
UPDATE stock SET amount = amount - 1 WHERE sku = 'sku' || :sku AND at = 'shelf';
DELETE FROM item WHERE id = :other AND :other % 7 = 0;
COMMIT;
SQL
	close($script);
	my %load = (output => '');
	$load{run} = IPC::Run::start(
		[   'pgbench', '--no-vacuum', '-f', $file, '-c', $how{clients} // 2, '-T', $how{seconds} // 3,
			($how{rate} ? ('-R', $how{rate}) : ()), '--max-tries=100', '-h', $node->host, '-p', $node->port,
			$CdcTest::source ],
		'>', \$load{output}, '2>&1');
	return \%load;
}

# Waits for its end: the number of transactions it has committed. $broken: a server that went away is no error.
sub finish_load
{
	my ($load, $broken) = @_;
	IPC::Run::finish($load->{run});
	die "pgbench failed: $load->{output}" if IPC::Run::result($load->{run}) && !$broken;
	return $load->{output} =~ /number of transactions actually processed: (\d+)/ ? $1 : 0;
}

1;

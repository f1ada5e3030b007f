# Huge data: a transaction of a million rows, 100,000 subtransactions, values of 300 MB, rows whose text would pass 1 GB, 1,600
# columns, 10,000 relations, a rewrite, and everything filtered out: the walsender's memory stays where it was, wal_sender_timeout never
# fires, nothing stops the slot.
#   HUGE_ROWS      rows of the huge transaction (1,000,000; the longer run: 10,000,000)
#   HUGE_TIMEOUT   wal_sender_timeout (2s; a machine that others use stops a process for longer than that)
use strict;
use warnings;
use CdcTest;
use CdcTest::Slots;
use PostgreSQL::Test::Utils;
use Test::More;

my $rows    = $ENV{HUGE_ROWS} // 1_000_000;
my $timeout = $ENV{HUGE_TIMEOUT} // '2s';
my $log_read = 0;
my $node    = source_cluster(
	autovacuum                => 'off',
	max_wal_size              => '8GB',
	wal_sender_timeout        => $timeout,
	max_locks_per_transaction => 1024,
	logical_decoding_work_mem => '16MB',
	log_min_messages          => 'warning');
slot_create($node, 'shop', s => 'cdc_envelope');

# Reads the slot to the end of the WAL under the rule that it grows by no more than $limit MB; returns the largest RssAnon.
sub read_flat
{
	my ($what, $limit, $file, %options) = @_;
	my $end = one_value($node, 'shop', 'SELECT pg_current_wal_insert_lsn()');
	$node->safe_psql('shop', 'CHECKPOINT');
	unlink $file;
	my $reading = slot_start($node, 'shop', 's', $end, $file, %options);
	my $largest = walsender_memory($node, $reading);
	my $error   = slot_finish($reading);
	is($error, '', "$what: read to the end");
	cmp_ok($largest, '<', $limit, "$what: the walsender takes less than $limit MB (it took $largest MB)");
	my $left = one_value($node, 'shop', "SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = 's'");
	is($left, 't', "$what: the slot is past it");
	my ($trouble) = slurp_file($node->logfile, $log_read) =~ /(terminating walsender|invalid memory alloc.*)/;
	is($trouble, undef, "$what: no timeout and no error in the log");
	$log_read = -s $node->logfile;
	return;
}

sub count_lines { my ($file) = @_; my $n = 0; open my $in, '<', $file or die; $n++ while <$in>; close $in; return $n }

# Of lines of wide: their ids, the longest one's length, how many of its columns it shows and how many it names as left out.
sub lines_summary
{
	my ($file) = @_;
	my (@ids, @longest);
	open my $in, '<', $file or die;
	while (my $line = <$in>)
	{
		push @ids, $line =~ /"key":\{"id":(\d+)\}/;
		next if @longest && $longest[0] > length $line;
		my ($names) = substr($line, -20000) =~ /"oversize":\[([^]]*)\]/;
		my $shown = () = $line =~ /"c\d+":"/g;
		@longest = (length $line, $shown, scalar split /,/, $names // '');
	}
	return (join(' ', @ids), @longest);
}

my $out = "$ENV{TESTDIR}/huge.json";
$node->safe_psql('shop', 'CREATE TABLE orders (id bigint PRIMARY KEY, customer int, note text, total numeric(12,2), at timestamptz)');
read_flat('the table', 100, $out);

# one transaction
$node->safe_psql('shop',
	"INSERT INTO orders SELECT g, g % 1000, 'note ' || g, g * 0.01, '2026-01-01 00:00Z' FROM generate_series(1, $rows) g");
slot_copy($node, 'shop', 's', 'filtered');
read_flat("a transaction of $rows rows", 150, $out, batch_bytes => 262144);
is(count_lines($out), $rows, 'every row is there');

# the same, with nothing to send: the client hears of us all the same
{
	my $end = one_value($node, 'shop', 'SELECT pg_current_wal_insert_lsn()');
	unlink $out;
	my $reading = slot_start($node, 'shop', 'filtered', $end, $out, exclude_tables => '*.*');
	my $largest = walsender_memory($node, $reading);
	is(slot_finish($reading), '', "$rows rows filtered out under wal_sender_timeout = $timeout: read to the end");
	cmp_ok($largest, '<', 150, "… in less than 150 MB (it took $largest MB)");
	is(-s $out, 0, '… and nothing was sent');
	$node->safe_psql('shop', "SELECT pg_drop_replication_slot('filtered')");
}

# written anew by ALTER TABLE, which is no change of a row
$node->safe_psql('shop', 'ALTER TABLE orders ALTER customer TYPE bigint');
read_flat("the rewrite of $rows rows under wal_sender_timeout = $timeout", 150, $out);
is(count_lines($out), 1, 'a schema event, and no row');

# subtransactions, every tenth of them undone
$node->safe_psql('shop', <<'SQL');
DO $$ BEGIN
    FOR i IN 1 .. 100000 LOOP
        BEGIN
            INSERT INTO orders (id, customer) VALUES (-i, i);
            IF i % 10 = 0 THEN RAISE division_by_zero; END IF;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    END LOOP;
END $$;
SQL
read_flat('100,000 subtransactions', 250, $out, batch_bytes => 262144);
is(count_lines($out), 90_000, 'those that were not undone are there');

# many relations
$node->safe_psql('shop', <<'SQL') foreach 1 .. 10;
SELECT set_config('x.from', coalesce((SELECT max(substr(relname, 2)::int) + 1 FROM pg_class WHERE relname ~ '^r\d+$'), 1)::text, false);
DO $$ BEGIN
    FOR i IN current_setting('x.from')::int .. current_setting('x.from')::int + 999 LOOP
        EXECUTE format('CREATE TABLE r%s (id int PRIMARY KEY, a text)', i);
        EXECUTE format('INSERT INTO r%s VALUES (1, ''x'')', i);
    END LOOP;
END $$;
SQL
read_flat('10,000 relations', 600, $out, batch_bytes => 262144);
is(count_lines($out), 20_000, 'a schema event and a row of each');

# as many columns as a table may have
my $sixteen_hundred = join ', ', map { "c$_ int" } 1 .. 1600;
$node->safe_psql('shop', "CREATE TABLE columns ($sixteen_hundred)");
$node->safe_psql('shop', 'INSERT INTO columns (c1, c1600) SELECT g, g FROM generate_series(1, 100) g');
read_flat('1,600 columns', 600, $out);
is(count_lines($out), 101, 'a schema event and 100 rows');

# values past max_value_bytes and rows past 1 GB; a message of 1 GB takes its time to send, on a busy machine minutes
$node->append_conf('postgresql.conf', "wal_sender_timeout = '15min'\n");
$node->reload;
$node->safe_psql('shop', 'CREATE TABLE wide (id int PRIMARY KEY, ' . join(', ', map { "c$_ text" } 1 .. 100) . ')');
$node->safe_psql('shop', "INSERT INTO wide (id, c1, c2) VALUES (1, repeat('x', 300000000), 'small')");
read_flat('a value of 300 MB', 1000, $out);
my ($event) = grep { /"op_type":"c"/ } split /\n/, slurp_file($out);
like($event, qr/"after":\{"id":1,"c2":"small",.*"oversize":\["c1"\]/, 'it is left out and named');
$node->safe_psql('shop', 'INSERT INTO wide SELECT 2, ' . join ', ', ("repeat('\"', 6500000)") x 100);
$node->safe_psql('shop', 'INSERT INTO wide (id, c1) VALUES (3, NULL)');
read_flat('a row whose text is longer than 1 GB', 3500, $out);
my ($ids, $longest, $columns_there, $left_out) = lines_summary($out);
is($ids, '2 3', 'the row is there, and the one after it');
cmp_ok($longest, '<', 2**30, "its line is shorter than 1 GB ($longest bytes)");
cmp_ok($left_out, '>', 0, "columns that are named as left out: $left_out");
is($columns_there + $left_out, 100, '… and all the others are there');
unlink $out;
done_testing();

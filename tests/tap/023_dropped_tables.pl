# Tables that are made, filled and dropped, one after the other, as loads by way of a staging table do: the walsender takes no
# more memory for a thousand of them than for a few.
use strict;
use warnings;
use CdcTest;
use CdcTest::Slots;
use Test::More;

my $tables = 1000;    # 25 kB each if their entries stayed
my $node   = source_cluster(extension => 0, autovacuum => 'off');
slot_create($node, 'shop', s => 'cdc_envelope');
$node->safe_psql('shop', <<"SQL");
CREATE TABLE kept (id int PRIMARY KEY);
DO \$\$ BEGIN
    FOR n IN 1 .. $tables LOOP
        EXECUTE format('CREATE TABLE staged_%s (id int PRIMARY KEY, a text, b timestamptz, c numeric)', n);
        EXECUTE format('INSERT INTO staged_%s VALUES (%s, ''a'', ''2026-02-07 05:55:21Z'', 1.50)', n, n);
        EXECUTE format('DROP TABLE staged_%s', n);
        INSERT INTO kept VALUES (n);
        IF n % 20 = 0 THEN COMMIT; END IF;
    END LOOP;
END \$\$;
SQL
my $file = "$ENV{TESTDIR}/dropped.json";
my %all  = (kept => $tables, staged => $tables);
my $ended;

sub rows
{
	my %rows = (kept => 0, staged => 0);
	open my $in, '<', $file or return \%rows;
	while (<$in>) { $rows{ /"table":"kept"/ ? 'kept' : 'staged' }++ if /"op_type":"c"/ }
	return \%rows;
}

# The reading would end before the walsender was looked at, so WAL behind its end comes only when all has been read.
my ($high, $low) = split m{/}, one_value($node, 'shop', 'SELECT pg_current_wal_insert_lsn()');
my $reading = slot_start($node, 'shop', 's', sprintf('%s/%X', $high, hex($low) + 1_000_000), $file);
my $largest = walsender_memory($node, $reading, sub {
	return if $ended || rows()->{kept} < $tables;
	$ended = 1;
	$node->safe_psql('shop', $_) foreach map { ("SELECT pg_switch_wal()", "CREATE TABLE behind_$_ ()") } 1, 2;
});
is(slot_finish($reading), '', 'read to the end');
is_deeply(rows(), \%all, 'every row is there, of what was dropped and of what was kept');
cmp_ok($largest, '>', 0,  'the walsender was seen');
cmp_ok($largest, '<', 13, "it takes less than 13 MB for $tables dropped tables (it took $largest MB)");
done_testing();

# While one table is read again under load, the other tables' events are, byte by byte and in their order, what a pipeline
# gives that reads nothing; and of the table itself, the changes are. What is read of it comes at most once for each row, and
# never older than what has come before.
use strict;
use warnings;
use CdcTest;
use CdcTest::Load;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster();
create_load($node, 1000);
my %worker = map {
	$_ => CdcTest::Worker->new(
		name     => $_,
		dsn      => dsn($node, 'shop'),
		source   => { projection => 'same' },    # in each event's evidence
		pipeline => { snapshot => 'never' },
		sinks    => [ { stdout => {} } ])->start
} qw(alone beside);
ok(wait_slot_active($node, $_), "$_: streaming") or diag($worker{$_}->log) foreach sort keys %worker;

my $load = start_load($node, seconds => 600, clients => 3, rate => 200);
ok(wait_until(sub { one_value($node, 'shop', 'SELECT count(*) FROM tx') > 50 }), 'it is being written');
$node->safe_psql('shop',
	q{INSERT INTO cdc_envelope.snapshot_signal (slot_name, schema_name, table_name, chunk_rows) VALUES ('beside', 'public', 'item', 50)});
ok(wait_until(sub { one_value($node, 'shop', 'SELECT state FROM cdc_envelope.snapshot_signal') eq 'done' }), 'the table is read again')
  or diag($worker{beside}->log);
my $written = one_value($node, 'shop', 'SELECT count(*) FROM tx');
ok(wait_until(sub { one_value($node, 'shop', 'SELECT count(*) FROM tx') > $written }), '… while it is being written');
IPC::Run::signal($load->{run}, 'TERM');
finish_load($load, 1);
my $transactions = one_value($node, 'shop', 'SELECT count(*) FROM tx');
cmp_ok(one_value($node, 'shop', 'SELECT chunks FROM cdc_envelope.snapshot_signal'), '>', 10, 'in many chunks');
ok(wait_caught_up($node, $_), "$_: catches up") foreach sort keys %worker;
is($worker{$_}->stop, 0, "$_: a clean stop") foreach sort keys %worker;

my %lines = map { $_ => [ split /\n/, slurp_file($worker{$_}{outfile}) ] } keys %worker;
my $read  = qr/,"op_type":"r",/;
my @read  = grep { $_ =~ $read } @{ $lines{beside} };
my @changes = grep { $_ !~ $read } @{ $lines{beside} };

# Each slot begins somewhere of its own: from the first transaction that both have.
sub from_first
{
	my ($wanted, @all) = @_;
	my ($first) = grep { $all[$_] eq $wanted } 0 .. $#all;
	return defined $first ? @all[ $first .. $#all ] : ();
}
my %there = map { $_ => 1 } @changes;
my ($first) = grep { $there{$_} } @{ $lines{alone} };
my @alone   = from_first($first, @{ $lines{alone} });
@changes = from_first($first, @changes);
cmp_ok(scalar(@alone), '>', $transactions, scalar(@alone) . ' lines of changes');
is(scalar(@changes), scalar(@alone), 'as many with the reading as without');
is_deeply([ grep { $changes[$_] ne $alone[$_] } 0 .. $#alone ], [], '… of the same bytes in the same order');

my (%times, %newest, @old);
foreach my $line (@{ $lines{beside} })
{
	my ($id, $op, $high, $low) = $line =~ /^\{"source_id":"([^"]*)".*?"op_type":"(.)".*?"commit_lsn":"(\w+)\/(\w+)"/ or next;
	next unless $id =~ /public\.item/;
	my $at = hex($high) * 2**32 + hex($low);
	if ($op eq 'r')
	{
		$times{$id}++;
		push @old, $id if $at < ($newest{$id} // 0);
	}
	$newest{$id} = $at;
}
cmp_ok(scalar(@read), '>', 500, scalar(@read) . ' rows are read');
is_deeply([ grep { $times{$_} > 1 } keys %times ], [], 'no row is read twice');
is_deeply(\@old, [], 'none comes behind a newer change of it');
done_testing();

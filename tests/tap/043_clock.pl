# The machine's clock jumps, backwards and forwards, under load: nothing waits longer for it, nothing is lost, nothing comes
# twice. By libfaketime, which hands the worker a wall clock of the test's own; the monotonic one stays as it is.
use strict;
use warnings;
use CdcTest;
use CdcTest::Kafka;
use CdcTest::Load;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my ($faketime) = glob('/usr/lib/*/faketime/libfaketimeMT.so.1');
plan(skip_all => 'no libfaketime here') unless $faketime;

my $node = source_cluster(synchronous_commit => 'off');
create_load($node, 200);
my $clock  = "$PostgreSQL::Test::Utils::tmp_check/clock";
my $worker = CdcTest::Worker->new(
	name  => 'clock',
	dsn   => dsn($node, 'shop'),
	env   => {
		LD_PRELOAD              => $faketime,
		FAKETIME_TIMESTAMP_FILE => $clock,
		FAKETIME_NO_CACHE       => 1,
		DONT_FAKE_MONOTONIC     => 1 },
	sinks => [ postgres_sink($node), kafka_sink() ]);
set_clock('+0');
$worker->start;
ok(wait_slot_active($node, 'clock'), 'streaming') or diag($worker->log);

my $load = start_load($node, seconds => 600, clients => 2, rate => 60);
my $mark = 0;
foreach my $jump (qw(-3600s +86400s -172800s -600s +0))
{
	arrives(10);
	set_clock($jump);
	sleep(0.5);
	my $seconds = arrives(10);
	cmp_ok($seconds, '<', 30, sprintf('the clock is at %s: what is committed then has arrived after %.2f s', $jump, $seconds));
}
IPC::Run::signal($load->{run}, 'TERM');
finish_load($load, 1);
ok(wait_caught_up($node, 'clock'), 'caught up') or diag($worker->log);
unlike($worker->log, qr/trying again/, 'no connection was given up for it');
my $transactions = one_value($node, 'shop', 'SELECT count(*) FROM tx');
same_rows($node, $_) foreach load_tables();
is(one_value($node, 'projection',
		'SELECT count(*), count(DISTINCT tx.xid) FROM tx JOIN projection_ledger l ON l.commit_lsn::pg_lsn = tx._commit_lsn WHERE _seq >= 0'),
	"$transactions|$transactions", "$transactions transactions, each with one row in the ledger");
my @messages = consume($worker->bootstrap, map { "clock.public.$_" } load_tables());
check_order('Kafka: no event comes twice, each key is in order', 0, @messages);
my ($streamed) = check_transactions('no transaction is torn', @messages);
is($streamed, $transactions + $mark, "all of $transactions, and the $mark of the test's own");
is($worker->stop, 0, 'a clean stop');
done_testing();

sub set_clock
{
	my ($offset) = @_;
	open(my $file, '>', "$clock.new") or die "clock: $!";
	print $file "$offset\n";
	close($file);
	rename("$clock.new", $clock) or die "clock: $!";
	return;
}

# How many seconds it takes until what is committed now has arrived.
sub arrives
{
	my ($most) = @_;
	$mark++;
	$node->safe_psql('shop', "INSERT INTO stock VALUES ('mark', 'shelf', $mark) ON CONFLICT (sku, at) DO UPDATE SET amount = $mark");
	my $start = time();
	wait_until(sub { one_value($node, 'projection', "SELECT amount = $mark FROM stock WHERE sku = 'mark'") eq 't' }, $most)
	  or diag($worker->log);
	return time() - $start;
}

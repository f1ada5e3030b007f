# The network between the worker and its source, and its target, under load: connections reset, cut, slowed, throttled,
# gone without a word, and hanging. The worker goes on by itself, within stated times (those tested leave room for a busy
# machine), and nothing is lost or applied twice.
use strict;
use warnings;
use CdcTest;
use CdcTest::Load;
use CdcTest::Proxy;
use Test::More;
use Time::HiRes qw(time sleep);

my $node = source_cluster(wal_sender_timeout => '3s', synchronous_commit => 'off');
create_load($node);
my $target  = projection_node($node);
my %network = (
	source => CdcTest::Proxy->new(to => sprintf('%s/.s.PGSQL.%d', $node->host,   $node->port)),
	target => CdcTest::Proxy->new(to => sprintf('%s/.s.PGSQL.%d', $target->host, $target->port)));
# A dead connection is to be noticed within 3 s here (the worker's own 25 s are too long for a test).
my $quick  = 'tcp_user_timeout=3000 keepalives_idle=1 keepalives_interval=1 keepalives_count=2 connect_timeout=3';
my $worker = CdcTest::Worker->new(
	name   => 'network',
	dsn    => through('source', 'shop'),
	source => { receive_timeout => '3s' },
	sinks  => [ { postgres => { dsn => through('target', 'projection') } } ])->start;
ok(wait_slot_active($node, 'network'), 'streaming') or diag($worker->log);

my $rounds = 0;
my $load   = start_load($node, seconds => 600, clients => 2, rate => 100);
foreach my $side (qw(source target))
{
	my $proxy = $network{$side};
	foreach my $round (1 .. 3)
	{
		moves("$side, before reset $round");
		cmp_ok($proxy->reset, '>=', 1, "$side: reset $round hits a connection");
	}
	moves("$side, after three resets");

	$worker->forget_log;
	cmp_ok($proxy->cut, '>=', 1, "$side: cut");
	ok($worker->wait_log(qr/trying again/), "$side: it says that it tries again");
	sleep(2);
	my $seconds = back($proxy);
	cmp_ok($seconds, '<', 30, sprintf('%s: after a cut of 2 s it goes on in %.1f s', $side, $seconds));

	$proxy->delay(100);
	moves("$side, each packet 100 ms late");
	$proxy->delay(0);
	$proxy->rate(60_000);
	moves("$side, at 60 kB/s");
	$proxy->rate(0);

	foreach my $how ($side eq 'source' ? qw(black_hole freeze) : qw(black_hole))
	{
		moves("$side, before $how");
		my $start = time();
		$worker->forget_log;
		cmp_ok($proxy->$how, '>=', 1, "$side: $how");
		ok($worker->wait_log(qr/trying again/), "$side: $how is noticed") or diag($worker->log);
		my $noticed = time() - $start;
		cmp_ok($noticed, '<', 40, sprintf('%s: after %.1f s, without a FIN or RST', $side, $noticed));
		sleep(1);
		my $seconds = back($proxy);
		cmp_ok($seconds, '<', 40, sprintf('%s: it goes on %.1f s after the end of it', $side, $seconds));
	}
}
IPC::Run::signal($load->{run}, 'TERM');
finish_load($load, 1);
ok(wait_caught_up($node, 'network'), 'the worker catches up') or diag($worker->log);
my $transactions = one_value($node, 'shop', 'SELECT count(*) FROM tx');
cmp_ok($transactions, '>', 100, "$transactions transactions were committed meanwhile");
same_rows($node, $_) foreach load_tables();
is(one_value($node, 'projection',
		'SELECT count(*), count(DISTINCT tx.xid) FROM tx JOIN projection_ledger l ON l.commit_lsn::pg_lsn = tx._commit_lsn WHERE _seq >= 0'),
	"$transactions|$transactions", 'each has one row in the ledger: 0 lost, 0 twice');
is($worker->stop, 0, 'a clean stop');
done_testing();

# The database by way of the proxy.
sub through
{
	my ($side, $database) = @_;
	my $dsn = dsn($node, $database);
	$dsn =~ s/host=\S+ port=\S+/sprintf('host=127.0.0.1 port=%d', $network{$side}->port)/e;
	return "$dsn $quick sslmode=disable gssencmode=disable";
}

# One passed or failed test: what is committed from now on arrives.
sub moves
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $mark = --$rounds;
	$node->safe_psql('shop', "INSERT INTO stock VALUES ('mark', 'shelf', $mark) ON CONFLICT (sku, at) DO UPDATE SET amount = $mark");
	return ok(wait_until(sub { one_value($node, 'projection', "SELECT amount <= $mark FROM stock WHERE sku = 'mark'") eq 't' }),
		"$name: events arrive") || diag($worker->log);
}

# Mends the network: how many seconds it takes until what is committed then has arrived.
sub back
{
	my ($proxy) = @_;
	$proxy->pass;
	my $start = time();
	moves('mended');
	return time() - $start;
}

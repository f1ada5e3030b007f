# The broker's disk is full: the broker gives itself up, as Kafka does. With room again and the broker started, everything
# arrives, once; until then the worker waits and confirms nothing.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use Test::More;
use Time::HiRes qw(time sleep);

plan(skip_all => 'no disk of a few MB: CDC_SMALL_DISK names none (only root can mount one)') unless $ENV{CDC_SMALL_DISK};
my $broker = CdcTest::Broker->start_or_skip(log_dir => "$ENV{CDC_SMALL_DISK}/kafka");
my $node   = source_cluster(wal_sender_timeout => '5s');
$node->safe_psql('shop', 'CREATE TABLE wide (id int PRIMARY KEY, body text)');
my $worker = CdcTest::Worker->new(
	name  => 'full',
	dsn   => dsn($node, 'shop'),
	sinks => [ { kafka => { brokers => $broker->address, topic_prefix => 'full' } } ])->start;
ok(wait_slot_active($node, 'full'), 'streaming') or diag($worker->log);
$node->safe_psql('shop', "INSERT INTO wide VALUES (0, 'first')");
ok(wait_caught_up($node, 'full'), 'an event is there') or diag($worker->log);

$worker->forget_log;
my $ballast = "$ENV{CDC_SMALL_DISK}/ballast";
open(my $file, '>', $ballast) or die "ballast: $!";
binmode($file);
1 while syswrite($file, 'x' x 16384);
ok($!{ENOSPC}, "the broker's disk is full");
# 6 MB that do not compress
$node->safe_psql('shop', q{INSERT INTO wide SELECT n, (SELECT string_agg(sha256((n * 1000 + m)::text::bytea)::text, '') FROM generate_series(1, 30) m) FROM generate_series(1, 3000) n});
my $committed = one_value($node, 'shop', 'SELECT pg_current_wal_insert_lsn()');
ok($worker->wait_log(qr/kafka/i), 'the worker says what is wrong') or diag($worker->log);
sleep(5);
ok($worker->running, 'it waits');
is(one_value($node, 'shop', "SELECT confirmed_flush_lsn < '$committed' FROM pg_replication_slots WHERE slot_name = 'full'"),
	't', 'and has not confirmed what is not there');

$broker->stop;
close($file);
unlink $ballast;
$broker->start;
my $start = time();
ok(wait_caught_up($node, 'full'), 'with room again everything arrives') or diag($worker->log);
note(sprintf('%.1f s after the broker was back', time() - $start));
my @messages = consume($broker->address, 'full.public.wide');
check_order('no event comes twice, each key is in order', 0, @messages);
my ($transactions, $events) = check_transactions('no transaction is torn', @messages);
is("$transactions $events", '2 3001', 'each of 3001 events once');
is($worker->stop, 0, 'a clean stop');
done_testing();

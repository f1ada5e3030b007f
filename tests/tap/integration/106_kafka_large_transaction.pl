# A source transaction that is longer than a Kafka transaction may be: it is split, and a worker that is killed in the
# middle goes on in the middle. And what the broker refuses for its size is parked whole.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use Test::More;

my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster(wal_sender_timeout => '5s');
my $rows   = 50_000;
one_value($node, 'shop', 'CREATE TABLE big (id integer PRIMARY KEY, note text)');
my $worker = CdcTest::Worker->new(
	name  => 'big',
	dsn   => dsn($node, 'shop'),
	sinks => [ { kafka => { brokers => $broker->address, transaction_max_bytes => '1MiB', transaction_topic => \1,
		on_reject => 'park' } } ])->start;
ok(wait_slot_active($node, 'big'), 'streaming') or diag($worker->log);
is($worker->stop, 0, 'a clean stop');

one_value($node, 'shop', "INSERT INTO big SELECT n, repeat('x', 100) FROM generate_series(1, $rows) n");
foreach my $place (qw(kafka_after_commit@4 kafka_before_commit@5 kafka_after_commit@3))
{
	$worker->{env}{CDC_FAILPOINT} = "$place:kill";
	$worker->start;
	is($worker->wait_exit(60), 'signal 9', "killed at $place") or diag($worker->log);
	my @messages = consume($broker->address, 'big.public.big');
	cmp_ok(scalar @messages, '>', 0, 'a part of the transaction is there: ' . @messages . ' events');
	cmp_ok(scalar @messages, '<', $rows, 'and not all of it');
}
delete $worker->{env}{CDC_FAILPOINT};
$worker->start;
ok($worker->wait_log(qr/in the middle of the transaction/), 'it goes on in the middle') or diag($worker->log);
ok(wait_caught_up($node, 'big'), 'and to the end') or diag($worker->log);
my @messages = map { read_head($_) } consume($broker->address, 'big.public.big');
check_order('no event comes twice, each key is in order', 0, @messages);
my ($transactions, $events) = check_transactions('no event is missing', @messages);
is("$transactions $events", "1 $rows", 'one transaction, every row');
my @bounds = map { read_head($_)->{op} . " $_->{lsn}" } consume($broker->address, 'big._transactions');
is_deeply([ grep { /$messages[0]{lsn}/ } @bounds ], [ "b $messages[0]{lsn}", "e $messages[0]{lsn}" ], 'begun and ended once');

# 3 MB that do not compress: above the broker's 1 MiB.
one_value($node, 'shop', q(BEGIN; INSERT INTO big VALUES (-1, 'before');
	INSERT INTO big SELECT -2, string_agg(sha256(n::text::bytea)::text, '') FROM generate_series(1, 45000) n;
	INSERT INTO big VALUES (-3, 'after'); COMMIT));
ok(wait_caught_up($node, 'big'), 'an event that is too large does not stop it') or diag($worker->log);
my @letters = consume($broker->address, 'big._dead_letters');
is(scalar @letters, 1, 'it is parked');
my $note = one_value($node, 'shop', 'SELECT note FROM big WHERE id = -2');
ok(index($letters[0]{value}, "\"note\":\"" . ($note =~ s/\\/\\\\/gr) . '"') > 0, 'whole');
my ($headers) = run_headers('big._dead_letters');
like($headers, qr/error=.*too large.*commit_lsn=[0-9A-F]+\/[0-9A-F]+,seq=1,topic=big\.public\.big/, 'with reason and position');
my @after = grep { $_->{lsn} gt $messages[0]{lsn} } map { read_head($_) } consume($broker->address, 'big.public.big');
is(join(' ', sort map { $_->{seq} } @after), '0 2', 'its neighbours are where they belong, once');
is($worker->stop, 0, 'a clean stop');
done_testing();

sub run_headers
{
	my ($topic) = @_;
	return PostgreSQL::Test::Utils::run_command(
		[ 'kcat', '-b', $broker->address, '-C', '-t', $topic, '-o', 'beginning', '-e', '-q', '-f', '%h\n' ]);
}

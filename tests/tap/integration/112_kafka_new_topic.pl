# A table that is new has no topic yet: its first events go as soon as the brokers have made it, and not only when librdkafka
# next asks for topics that it found missing, which is once a second. Told by who asked, not by a clock.
use strict;
use warnings;
use CdcTest;
use CdcTest::Broker;
use CdcTest::Kafka;
use Test::More;

my $broker = CdcTest::Broker->start_or_skip;
my $node   = source_cluster();
my $tables = 6;

foreach my $mode ('on', 'off')
{
	my $name   = "new_$mode";
	my $worker = CdcTest::Worker->new(
		name      => $name,
		log_level => 'debug',
		dsn       => dsn($node, 'shop'),
		sinks     => [ { kafka => {
			brokers => $broker->address, transactions => $mode eq 'on' ? \1 : \0, properties => { debug => 'metadata' } } } ])->start;
	ok(wait_slot_active($node, $name), "transactions: $mode: streaming") or diag($worker->log);
	foreach my $n (1 .. $tables)
	{
		$node->safe_psql('shop', "CREATE TABLE ${name}_$n (id int PRIMARY KEY)");
		$node->safe_psql('shop', "INSERT INTO ${name}_$n VALUES ($n)");
		ok(wait_caught_up($node, $name), "table $n: caught up") or diag($worker->log);
	}
	# The answer in which each topic was there first, by what it answers.
	my ($asked, %missing, %found) = ('');
	foreach my $line (split /\n/, $worker->log)
	{
		$asked = $1 if $line =~ /Received metadata \(.*?\): (.*?) =====/;
		next unless $line =~ /Topic #\S+ (\Q$name.public.$name\E_\d) with (\d+) partitions/;
		$2 > 0 ? ($found{$1} //= $asked) : $missing{$1}++;
	}
	is(scalar(keys %missing), $tables, 'each was missing at first');
	is(scalar(keys %found),   $tables, 'and found');
	# A look of librdkafka's own may fall into the milliseconds in between.
	my $waited = grep { $_ eq 'refresh unavailable topics' } values %found;
	cmp_ok($waited, '<=', 1, "of $tables new topics at most one had to wait for librdkafka's look")
	  or diag(join "\n", map { "$_: $found{$_}" } sort keys %found);
	is($worker->stop, 0, 'a clean stop');
}
done_testing();

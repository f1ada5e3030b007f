# Reads what the kafka sink has published, with kcat, and checks it: per-key order, nothing lost, repetitions.
package CdcTest::Kafka;

use strict;
use warnings;
use Exporter 'import';
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(topics consume consume_each read_head check_order check_transactions order_errors
  transaction_errors);

# The topics at an address with their number of partitions, internal ones left out.
sub topics
{
	my ($brokers) = @_;
	my ($json, $error) = run_command([ 'kcat', '-b', $brokers, '-L', '-J' ]);
	my $metadata = eval { decode_json($json) } or die "kcat -L: $error";
	return map { $_->{topic} => scalar @{ $_->{partitions} } }
	  grep { $_->{topic} !~ /^__/ } @{ $metadata->{topics} };
}

# Hands every message of a topic, from the beginning to the end as it is now, to $take, in each partition's order:
# { topic, partition, offset, key, value }; a null key or value is undef. Nothing is kept here. What is not committed is
# not read.
sub consume_each
{
	my ($brokers, $topic, $take) = @_;
	open(my $kcat, '-|', 'kcat', '-b', $brokers, '-C', '-t', $topic, '-o', 'beginning', '-e', '-q',
		'-X', 'fetch.wait.max.ms=50', '-X', 'isolation.level=read_committed', '-f', '%p\t%o\t%K\t%S\t%k\t%s\n')
	  or die "could not run kcat: $!";
	while (my $line = <$kcat>)
	{
		chomp $line;
		my ($partition, $offset, $key_length, $length, $key, $value) = split /\t/, $line, 6;
		$take->(
			{   topic     => $topic,
				partition => $partition,
				offset    => $offset,
				key       => $key_length < 0 ? undef : $key,
				value     => $length < 0 ? undef : $value });
	}
	close($kcat) or die "kcat -C $topic failed: $?";
	return;
}

# Every message of the topics, sorted by topic, partition and offset.
sub consume
{
	my ($brokers, @topics) = @_;
	my @messages;
	consume_each($brokers, $_, sub { push @messages, $_[0] }) foreach sort @topics;
	return sort { $a->{topic} cmp $b->{topic} || $a->{partition} <=> $b->{partition} || $a->{offset} <=> $b->{offset} }
	  @messages;
}

# The head of an envelope, read by its fixed order: adds op, lsn (sortable text), seq and id to the message. A position
# is written so that it sorts as text: a snapshot row's before any of a transaction at the same LSN.
sub read_head
{
	my ($message) = @_;
	return $message if defined $message->{id};
	$message->{value} =~
	  /^\{"source_id":"[^"]*",.*?"op_type":"(.)","ts_source":(?:"[^"]*"|null),"commit_lsn":"([0-9A-F]+)\/([0-9A-F]+)","xid":(?:null|\d+),"seq":(null|\d+)/
	  or die "not an envelope: $message->{value}";
	my ($op, $high, $low, $seq) = ($1, $2, $3, $4);
	$message->{op}  = $op;
	$message->{lsn} = sprintf('%08X/%08X', hex $high, hex $low);
	$message->{seq} = $seq eq 'null' ? -1 : $seq;
	$message->{id}  = sprintf('%s %010d', $message->{lsn}, $message->{seq} + 1);
	return $message;
}

# What is wrong with the order of messages: within each partition positions only ever rise; and where $repeats are allowed
# they may go back, but only to the first event that the partition has of a transaction: a repetition is of whole
# transactions, and of the same bytes. A key stays in its partition. Snapshot rows have one position and are left out.
# Returns the number of repeated events and the list of errors.
sub order_errors
{
	my ($repeats, @messages) = @_;
	my (%first, %bytes, %last, %home, @errors);
	my $repeated = 0;
	@messages = map { read_head($_) } grep { defined $_->{value} } @messages;
	foreach my $m (grep { $_->{seq} >= 0 } @messages)
	{
		my $of = "$m->{topic} $m->{partition} $m->{lsn}";
		$first{$of} = $m->{id} if !defined $first{$of} || $m->{id} lt $first{$of};
	}
	foreach my $m (@messages)
	{
		my $lane = "$m->{topic} $m->{partition}";
		if (defined $m->{key})
		{
			my $home = $home{"$m->{topic} $m->{key}"} //= $lane;
			push @errors, "key $m->{key} is in $home and in $lane" if $home ne $lane;
		}
		next if $m->{seq} < 0;
		my $seen  = \$bytes{"$m->{topic} $m->{id} " . ($m->{key} // '')};
		my $again = defined $$seen;
		# a change of a key is one event under the old one and one under the new
		my $back = defined $last{$lane} && ($m->{id} lt $last{$lane} || $again && $m->{id} eq $last{$lane});
		if ($again)
		{
			$repeated++;
			push @errors, "$lane: $m->{id} came twice" unless $repeats;
			push @errors, "$lane: $m->{id} came again with other bytes" if $$seen ne $m->{value};
		}
		elsif (!$repeats && $back)
		{
			push @errors, "$lane: $last{$lane} is followed by $m->{id}";
		}
		$$seen = $m->{value};
		push @errors, "$lane: $last{$lane} is followed by $m->{id}, which does not begin its transaction"
		  if $repeats && $back && $m->{id} ne $first{"$lane $m->{lsn}"};
		$last{$lane} = $m->{id};
	}
	return ($repeated, @errors);
}

# What is torn: transactions whose events, over all topics, are not seq 0 … n-1. Returns the number of transactions, of
# distinct events, and the list of errors.
sub transaction_errors
{
	my (@messages) = @_;
	my (%transactions, @errors);
	foreach my $m (map { read_head($_) } grep { defined $_->{value} } @messages)
	{
		$transactions{ $m->{lsn} }{ $m->{seq} } = 1 if $m->{seq} >= 0;
	}
	my $events = 0;
	foreach my $lsn (sort keys %transactions)
	{
		my @seq = sort { $a <=> $b } keys %{ $transactions{$lsn} };
		$events += @seq;
		push @errors, "$lsn has seq @seq" if $seq[0] != 0 || $seq[-1] != $#seq;
	}
	return (scalar keys %transactions, $events, @errors);
}

# The same as one test each.
sub check_order
{
	my ($name, $repeats, @messages) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($repeated, @errors) = order_errors($repeats, @messages);
	ok(!@errors, $name) or explain_errors(@errors);
	return $repeated;
}

sub check_transactions
{
	my ($name, @messages) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($transactions, $events, @errors) = transaction_errors(@messages);
	ok(!@errors, $name) or explain_errors(@errors);
	return ($transactions, $events);
}

sub explain_errors
{
	my (@errors) = @_;
	diag(scalar(@errors) . ' errors: ' . join("\n", @errors[ 0 .. ($#errors < 9 ? $#errors : 9) ]));
	return;
}

1;

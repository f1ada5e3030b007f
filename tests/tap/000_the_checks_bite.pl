# The checks of Kafka's order that other tests rely on see what they are there to see.
use strict;
use warnings;
use CdcTest::Kafka;
use Test::More;

sub message
{
	my ($partition, $key, $lsn, $seq, $more) = @_;
	my $op = $seq eq 'null' ? 'r' : 'u';
	return {
		topic     => 'a.b.c',
		partition => $partition,
		key       => "{\"id\":$key}",
		value => qq({"source_id":"pg://c/d/b.c/PK:$key","schema_version":1,"op_type":"$op","ts_source":"2026-02-07T05:55:21.123456Z",)
		  . qq("commit_lsn":"0/$lsn","xid":1,"seq":$seq,"schema":"b","table":"c","key":{"id":$key},"more":") . ($more // '') . '"}' };
}

sub errors_of { my ($repeats, @rows) = @_; my ($repeated, @errors) = order_errors($repeats, map { message(@$_) } @rows); return @errors }

my @good = ([ 0, 1, 'A0', 'null' ], [ 0, 1, 'A0', 0 ], [ 0, 3, 'A0', 2 ], [ 0, 1, 'FF', 0 ], [ 0, 1, '100', 0 ], [ 1, 2, 'A0', 1 ]);
is_deeply([ errors_of(0, @good) ], [], 'what is in order is in order');
is_deeply([ errors_of(1, @good, [ 0, 1, 'FF', 0 ], [ 0, 1, '100', 0 ]) ], [], 'whole transactions may come again');
is((order_errors(1, map { message(@$_) } @good, [ 0, 1, 'FF', 0 ], [ 0, 1, '100', 0 ]))[0], 2, '… and are counted');
like((errors_of(0, @good, [ 0, 1, '100', 0 ]))[0], qr/came twice/, 'a repetition where there should be none');
like((errors_of(0, [ 0, 1, '100', 0 ], [ 0, 1, 'FF', 0 ]))[0], qr/followed by/, 'two events in the wrong order');
like((errors_of(1, @good[ 0 .. 3 ], [ 0, 3, 'A0', 2 ]))[0], qr/does not begin/, 'a repetition from the middle of a transaction');
like((errors_of(1, @good, [ 0, 1, '100', 0, 'x' ]))[0], qr/other bytes/, 'a repetition with other bytes');
like((errors_of(0, @good, [ 1, 1, '200', 0 ]))[0], qr/is in/, 'a key in two partitions');

my ($transactions, $events, @errors) = transaction_errors(map { message(@$_) } @good);
is_deeply([ $transactions, $events, @errors ], [ 3, 5 ], 'whole transactions are counted');
(undef, undef, @errors) = transaction_errors(map { message(@$_) } @good[ 0, 1, 2, 3, 4 ]);
like($errors[0], qr/seq 0 2/, 'an event that is missing in the middle');
(undef, undef, @errors) = transaction_errors(map { message(@$_) } @good[ 2, 3, 5 ]);
like($errors[0], qr/seq 1 2/, 'an event that is missing at the beginning');
done_testing();

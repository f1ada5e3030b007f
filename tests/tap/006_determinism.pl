# The same WAL and the same options give the same bytes, whatever the session's settings: read by SQL from a copied slot
# and from the same slot again, and over the replication protocol.
use strict;
use warnings;
use CdcTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster();
$node->safe_psql('shop', <<'SQL');
CREATE SCHEMA other;
CREATE TYPE other.mood AS ENUM ('ok', 'so "so"');
CREATE TABLE other.t (id int PRIMARY KEY, at timestamptz, local timestamp, day date, clock timetz, span interval,
	f8 float8, f4 float4, n numeric, bytes bytea, m money, j json, jb jsonb, class regclass, mood other.mood,
	a timestamptz[], r tstzrange, x xml, net inet, bits bit(5), path path);
SELECT pg_create_logical_replication_slot('a', 'cdc_envelope');
SET TimeZone = 'Asia/Kolkata';
INSERT INTO other.t VALUES
(1, '2026-02-07 05:55:21.123456+02', '2026-02-07 05:55:21', '2026-02-07', '05:55:21.5+03', '1 year 2 mons -3 days 04:05:06.7',
	0.1, 1e-30, 10.50, '\xdeadbeef00', '1234.56', '{"b": 1,  "a": 1.10}', '{"b": 1, "a": 1.10}', 'other.t', 'so "so"',
	ARRAY['2026-02-07 05:55:21+02', NULL, 'infinity']::timestamptz[], '[2026-01-01 00:00+01,)', '<a>é</a>', '10.0.0.0/8',
	B'10101', '((0.1,0.2),(3,4))'),
(2, 'infinity', '-infinity', '0044-03-15 BC', '00:00+00', '-1 day', 'NaN', '-Infinity', 'NaN', '', '-0.01', 'null', 'null',
	NULL, 'ok', '{}', 'empty', NULL, '::1', B'00000', NULL);
UPDATE other.t SET f8 = f8 + 0.2 WHERE id = 1;
DELETE FROM other.t WHERE id = 2;
SELECT pg_copy_logical_replication_slot('a', 'b');
SQL
my $end = one_value($node, 'shop', 'SELECT pg_current_wal_lsn()');

my @settings = (
	{},
	{   DateStyle            => 'German, DMY',
		TimeZone             => 'America/St_Johns',
		IntervalStyle        => 'sql_standard',
		bytea_output         => 'escape',
		extra_float_digits   => '-5',
		lc_monetary          => 'C.UTF-8',
		search_path          => 'other',
		xmlbinary            => 'hex' },
	{   DateStyle            => 'SQL, MDY',
		TimeZone             => 'Pacific/Apia',
		IntervalStyle        => 'postgres_verbose',
		bytea_output         => 'hex',
		extra_float_digits   => '0',
		search_path          => 'pg_catalog',
		quote_all_identifiers => 'on' });

my $options = "'cluster', 'c', 'projection', 'p', 'transactions', 'on'";
my $first;
foreach my $slot (qw(a b a))
{
	foreach my $settings (@settings)
	{
		my $set   = join '', map { "SET $_ = '$settings->{$_}';" } grep { !/DateStyle|search_path/ } sort keys %$settings;
		$set .= "SET DateStyle = $settings->{DateStyle};"     if $settings->{DateStyle};
		$set .= "SET search_path = $settings->{search_path};" if $settings->{search_path};
		my $bytes = one_value($node, 'shop',
			"$set SELECT data FROM pg_catalog.pg_logical_slot_peek_changes('$slot', '$end', NULL, $options)");
		unless (defined $first)
		{
			$first = $bytes;
			cmp_ok(length $first, '>', 2000, 'there is something to compare');
			like($first, qr/"at":"2026-02-07T03:55:21.123456Z"/, 'timestamps are UTC');
			next;
		}
		ok($bytes eq $first, "slot $slot under DateStyle " . ($settings->{DateStyle} // 'as it is'))
		  or diag("$first\n----\n$bytes");
	}
}

# Over the replication protocol the settings come from the client's environment.
foreach my $settings (@settings)
{
	local $ENV{PGOPTIONS} = join ' ', map { (my $value = $settings->{$_}) =~ s/ /\\ /g; "-c $_=$value" } sort keys %$settings;
	my ($bytes, $error) = run_command(
		[   'pg_recvlogical', '-d', dsn($node, 'shop'), '-S', 'b', '--start', '-f', '-', '--endpos', $end, '--no-loop',
			map { ('-o', $_) } qw(cluster=c projection=p transactions=on) ]);
	is($error, '', 'pg_recvlogical has nothing to complain of');
	ok($bytes eq $first, 'the replication protocol under DateStyle ' . ($settings->{DateStyle} // 'as it is'))
	  or diag("$first\n----\n$bytes");
	# what pg_recvlogical has confirmed is gone: read a fresh copy next
	$node->safe_psql('shop', "SELECT pg_drop_replication_slot('b'); SELECT pg_copy_logical_replication_slot('a', 'b')");
}

# The encoder of snapshots gives the image of the stream.
my ($streamed) = $first =~ /"op_type":"u".*?"after":(\{.*?\}),"evidence_id"/;
foreach my $settings (@settings)
{
	my $set = join '', map { "SET $_ = '$settings->{$_}';" } grep { !/DateStyle|search_path/ } sort keys %$settings;
	my $line = one_value($node, 'shop',
		"$set SELECT cdc_envelope.encode(t, 'r', '0/1', '2026-01-01 00:00Z', ARRAY['cluster=c', 'projection=p'])"
		  . ' FROM ONLY other.t t WHERE id = 1');
	like($line, qr/"after":\Q$streamed\E,"evidence_id"/, 'encode() writes the same image');
}
done_testing();

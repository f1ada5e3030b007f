# Random values of every built-in type: what the encoder writes is what the type's own output function gives, and reads back
# to the last bit; and no two of them, as keys, share a source_id. The values' extremes are in plugin/sql/types_*.sql; this is for what nobody thought of.
#   TYPES_RANDOM        how many values of all types together (200,000; the longer run: 1,000,000 a type)
#   TYPES_RANDOM_SEED   a number, to see the same again
#   TYPES_RANDOM_ONLY   a regular expression: only the types whose names it matches whole, with the values they have among all
use strict;
use warnings;
use CdcTest;
use CdcTest::RandomTypes;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster(autovacuum => 'off');
types_of_server($node);
my @types = scalar_types();
my $count = int(($ENV{TYPES_RANDOM} // 200_000) / @types) + 1;
my $seed  = $ENV{TYPES_RANDOM_SEED} // 20260207;
my $only  = $ENV{TYPES_RANDOM_ONLY} // '.*';
srand $seed;
diag("TYPES_RANDOM_SEED=$seed, $count values of each of " . scalar(@types) . ' types');

# Those whose JSON is not their text: true and false, T, Z and six digits in times, no currency, no white space.
my %other_text = map { $_ => 1 } 'bool', 'money', 'time', 'time(2)', 'timetz', 'timestamp', 'timestamptz', 'timestamptz(3)', 'json', 'jsonb';

$node->safe_psql('shop', random_sql());
my $after = q{(cdc_envelope.encode(rec, 'r', '0/1', '2026-01-01 00:00Z', '{cluster=c,projection=p}')::json -> 'after')};
foreach my $type (@types)
{
	my $setseed = sprintf 'setseed(0.%06d)', int rand 1e6;
	next unless $type->{name} =~ /^(?:$only)$/;
	my $text    = $other_text{ $type->{name} } ? 'false' : "after ->> 'v' IS DISTINCT FROM concat(v)";
	my $bytes   = $type->{name} eq 'aclitem' ? 'false' : "record_send(json_populate_record(NULL::public.v, after)) IS DISTINCT FROM record_send(rec)";
	$bytes .= " AND concat(v) <> 'null'" if $type->{name} =~ /^json/;    # populating makes an SQL NULL of it; json_null tells
	my $settings = "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'iso_8601'; SET search_path = ''; SET jit = off;";
	# OFFSET 0: each value is encoded once, however often it is looked at.
	my $encoded = "FROM (SELECT v, rec, $after AS after FROM public.v rec OFFSET 0) encoded";
	my ($code, $output, $error) = $node->psql('shop', <<"SQL", on_error_stop => 1);
$settings
CREATE TABLE public.v (v $type->{name});
SELECT FROM $setseed;
INSERT INTO public.v SELECT $type->{value} FROM generate_series(1, $count) g;
SELECT count(*), count(*) FILTER (WHERE $text), count(*) FILTER (WHERE $bytes) $encoded;
SQL
	$output =~ s/^\n//;
	is("$error$output", "$count|0|0", "$type->{name}: $count values as its output function writes them, and back")
	  or diag($node->safe_psql('shop', "$settings SELECT concat(v), after $encoded WHERE $text OR $bytes LIMIT 3"));
	distinct_ids($type) if $type->{btree};
	$node->safe_psql('shop', 'DROP TABLE IF EXISTS public.v');
}
done_testing();

# The values of public.v as keys, each once.
sub distinct_ids
{
	my ($type) = @_;
	my ($code, $output, $error) = $node->psql('shop', <<"SQL", on_error_stop => 1);
SET search_path = '';
SET work_mem = '256MB'; SET maintenance_work_mem = '256MB';
CREATE TABLE public.k AS SELECT DISTINCT v FROM public.v WHERE v IS NOT NULL;
ALTER TABLE public.k ADD PRIMARY KEY (v);
CREATE UNLOGGED TABLE public.ids AS
SELECT (cdc_envelope.encode(k, 'r', '0/1', '2026-01-01 00:00Z', '{cluster=c}')::json ->> 'source_id') COLLATE "C" AS id, v FROM public.k;
SELECT count(*) > 0, count(*) - count(DISTINCT id), count(*) FILTER (WHERE id NOT LIKE '%/PK:%') FROM public.ids;
SQL
	is("$error$output", 't|0|0', "$type->{name}: distinct keys have distinct ids")
	  or diag($node->safe_psql('shop', 'SELECT id, concat(v) FROM public.ids WHERE id IN (SELECT id FROM public.ids GROUP BY 1 HAVING count(*) > 1) ORDER BY 1 LIMIT 4'));
	$node->safe_psql('shop', 'DROP TABLE IF EXISTS public.k, public.ids');
	return;
}

# Types of every kind and random values of them, as SQL: for tests that make tables nobody thought of. A type is
# { name, value }: value is an SQL expression that gives another random value, or null, each time it is evaluated.
# All of it follows from srand() here and setseed() in the session. Not every server has every type: types_of_server asks it.
package CdcTest::RandomTypes;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(types_of_server random_sql pick chance hostile_name quoted make_types scalar_types key_types);

my ($major, $has_xml) = (18, 1);

# What comes after this is for that server: one before 14 has neither multiranges nor infinite numerics, one built without
# libxml no xml values.
sub types_of_server
{
	my ($node) = @_;
	$major   = $node->pg_version->major;
	$has_xml = $node->psql('postgres', "SELECT xml '<a/>'") == 0;
	return;
}

sub pick   { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }
sub quoted { my ($name) = @_; $name =~ s/"/""/g; return qq("$name") }

# A name of up to 63 bytes of what names may hold. $number keeps it from coming twice.
sub hostile_name
{
	my ($number) = @_;
	return "c$number" if chance(0.5);
	my $name = '';
	$name .= pick(qw(a B 0 . % " ' \\ { } [ ] : / ? & $), ' ', ',', ';', "\n", "\t", 'PK:', 'null', "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x98\x80")
	  foreach 1 .. 1 + int rand 8;
	$name .= "$number";
	$name .= 'x' x (63 - length $name) if chance(0.1);
	return $name;
}

# What the values' expressions call.
sub random_sql
{
	my $sql = <<'SQL';
CREATE SCHEMA rt;
CREATE FUNCTION rt.i(low bigint, high bigint) RETURNS bigint LANGUAGE plpgsql AS
    $$ BEGIN RETURN floor(low + random() * (high::float8 - low + 1)); END $$;
-- a number of any size up to $1, small ones as often as large ones
CREATE FUNCTION rt.span(magnitude int) RETURNS float8 LANGUAGE plpgsql AS
    $$ BEGIN RETURN (random() - 0.5) * 2 * 10::float8 ^ (random() * magnitude); END $$;
CREATE FUNCTION rt.txt() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    alphabet CONSTANT text[] := ARRAY['a', 'Z', '0', ' ', '"', '\', '/', '{', '}', '[', ']', '(', ')', ',', ':', ';', 'null', 'NULL',
        '''', E'\n', E'\t', E'\r', E'\b', E'\f', E'\x01', E'\x1f', E'\x7f', 'é', 'ß', '日', '😀', E'\u2028', '%', '\u0041', '\x41'];
    result text := '';
BEGIN
    FOR n IN 1 .. rt.i(0, 12) LOOP
        result := result || alphabet[rt.i(1, array_length(alphabet, 1))::int];
    END LOOP;
    RETURN result;
END $$;
CREATE FUNCTION rt.big() RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 90 + (random() * 60)::int) $$;
CREATE FUNCTION rt.num() RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE rt.i(1, 20) WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' WHEN 4 THEN '0.000'
           WHEN 5 THEN 10::numeric ^ rt.i(-200, 200) WHEN 6 THEN -(10::numeric ^ rt.i(20, 2000))
           ELSE round(rt.span(20)::numeric, rt.i(0, 12)::int) END;
END $$;
CREATE FUNCTION rt.ts() RETURNS timestamp LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE rt.i(1, 20) WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' WHEN 3 THEN '294276-12-31 23:59:59.999999'
           WHEN 4 THEN '4714-11-24 00:00:00 BC' WHEN 5 THEN '0001-12-31 23:59:59.5 BC' WHEN 6 THEN '9999-12-31 23:59:59.999999'
           WHEN 7 THEN '2000-01-01' ELSE timestamp '2000-01-01' + (random() - 0.3) * interval '9000 years' END;
END $$;
CREATE FUNCTION rt.iv() RETURNS interval LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE rt.i(1, 12) WHEN 1 THEN '0' WHEN 2 THEN '-1 mon +1 day -0.000001 s' WHEN 3 THEN '178956970 years 7 mons'
           ELSE make_interval(months => rt.i(-9999, 9999)::int, days => rt.i(-99999, 99999)::int, secs => rt.span(11)) END;
END $$;
-- without white space, which json keeps and the envelope does not
CREATE FUNCTION rt.doc(depth int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE rt.i(1, CASE WHEN depth > 0 THEN 9 ELSE 6 END) WHEN 1 THEN 'null' WHEN 2 THEN 'true'
           WHEN 3 THEN rt.i(-9, 9) || '.50' WHEN 4 THEN '1E400' WHEN 5 THEN to_json(rt.txt())::text WHEN 6 THEN '"\u00e9\n"'
           WHEN 7 THEN '[' || rt.doc(depth - 1) || ',' || rt.doc(depth - 1) || ']'
           WHEN 8 THEN '{' || to_json(rt.txt())::text || ':' || rt.doc(depth - 1) || '}' ELSE '[]' END;
END $$;
-- the same elements, counted from elsewhere
CREATE FUNCTION rt.shift(elements anyarray) RETURNS anyarray LANGUAGE plpgsql AS $$
DECLARE
    low int := rt.i(-3, 3);
BEGIN
    RETURN format('[%s:%s]=%s', low, low + array_length(elements, 1) - 1, elements);
END $$;
SQL
	$sql =~ s/WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' WHEN 4 THEN '0.000'/WHEN 4 THEN '0.000'/ if $major < 14;
	return $sql;
}

# name, expression, whether it can stand in a b-tree
my @scalars = (
	[ 'bool',        'random() < 0.5',                                                                        1 ],
	[ 'int2',        'rt.i(-32768, 32767)',                                                                   1 ],
	[ 'int4',        'rt.i(-2147483648, 2147483647)',                                                         1 ],
	[ 'int8',        'CASE WHEN random() < 0.1 THEN -9223372036854775808 ELSE rt.span(18)::int8 END',         1 ],
	[ 'oid',         'rt.i(0, 4294967295)',                                                                   1 ],
	[ 'float4',      q{CASE rt.i(1, 12) WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' WHEN 3 THEN '-0' ELSE rt.span(30) END}, 1 ],
	[ 'float8',      q{CASE rt.i(1, 12) WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-0' WHEN 4 THEN 5e-324 ELSE rt.span(300) END}, 1 ],
	[ 'numeric',     'rt.num()',                                                                              1 ],
	[ 'numeric(12,3)', 'rt.span(8)',                                                                          1 ],
	[ 'money',       'rt.i(-99999999999, 99999999999) * 0.01::numeric',                                       1 ],
	[ 'text',        'rt.txt()',                                                                              1 ],
	[ 'text',        'rt.big()' ],
	[ 'varchar(90)', 'rt.txt()',                                                                              1 ],
	[ 'char(40)',    'left(rt.txt(), 30)',                                                                    1 ],
	[ 'name',        'left(rt.txt(), 15)',                                                                    1 ],
	[ '"char"',      q{(CASE WHEN random() < 0.1 THEN '' ELSE chr(rt.i(1, 127)::int) END)},                   1 ],
	[ 'bytea',       'convert_to(rt.txt(), $$utf8$$)',                                                        1 ],
	[ 'bytea',       'decode(rt.big(), $$hex$$)' ],
	[ 'uuid',        'md5(random()::text)',                                                                   1 ],
	[ 'date',        'rt.ts()',                                                                               1 ],
	[ 'time',        q{time '00:00' + random() * interval '1 day'},                                           1 ],
	[ 'time(2)',     q{time '00:00' + random() * interval '1 day'},                                           1 ],
	[ 'timetz',      q{(time '00:00' + random() * interval '1 day')::text || (ARRAY['+00', '-15:59:59', '+05:45', '-03:30'])[rt.i(1, 4)]}, 1 ],
	[ 'timestamp',   'rt.ts()',                                                                               1 ],
	[ 'timestamptz', 'rt.ts()::text',                                                                         1 ],
	[ 'timestamptz(3)', q{timestamptz '2026-01-01 00:00:00Z' + random() * interval '30 years'},               1 ],
	[ 'interval',    'rt.iv()',                                                                               1 ],
	# a string by itself only as PostgreSQL would write it: json_populate_record writes it anew
	[ 'json',        q{CASE rt.i(1, 4) WHEN 1 THEN 'null' WHEN 2 THEN to_json(rt.txt())::text ELSE '[' || rt.doc(2) || ']' END} ],
	[ 'jsonb',       q{replace(rt.doc(3), '\u0000', '')},                                                     1 ],
	[ 'jsonb',       'to_jsonb(rt.big())' ],
	[ 'jsonpath',    q{'$.a[*] ? (@ > ' || rt.i(0, 99) || ')'} ],
	[ 'xml',         q{'<r a="' || rt.i(0, 9) || '">é &amp; "b"</r>'} ],
	[ 'bit(7)',      'rt.i(0, 127)::int::bit(7)',                                                             1 ],
	[ 'varbit',      'left(rt.i(0, 9999)::int::bit(32)::text, rt.i(0, 32)::int)',                             1 ],
	[ 'inet',        q{CASE WHEN random() < 0.5 THEN '10.' || rt.i(0, 255) || '.0.1/' || rt.i(0, 32) ELSE 'fe80::' || to_hex(rt.i(0, 65535)) END}, 1 ],
	[ 'cidr',        q{'10.' || rt.i(0, 255) || '.0.0/16'},                                                   1 ],
	[ 'macaddr',     'left(md5(random()::text), 12)',                                                         1 ],
	[ 'macaddr8',    'left(md5(random()::text), 16)',                                                         1 ],
	[ 'point',       'point(rt.span(20), rt.span(20))' ],
	[ 'line',        'line(point(rt.span(3), 1), point(rt.span(3), 2))' ],
	[ 'lseg',        'lseg(point(rt.span(3), 1), point(rt.span(3), 2))' ],
	[ 'box',         'box(point(rt.span(3), 1), point(rt.span(3), 2))' ],
	[ 'path',        q{(ARRAY['[(1,2),(3,4.5)]', '((1,2),(-3e20,4))'])[rt.i(1, 2)]} ],
	[ 'polygon',     'polygon(rt.i(3, 6)::int, circle(point(rt.span(3), 1), 2))' ],
	[ 'circle',      'circle(point(rt.span(3), rt.span(3)), rt.i(0, 9))' ],
	[ 'tsvector',    q{array_to_tsvector(ARRAY[rt.txt() || 'x', E'it''s', 'a:b'])},                           1 ],
	[ 'tsquery',     q{'fat & (rat | !cat:AB*) <2> ''do''''g'''},                                             1 ],
	[ 'pg_lsn',      q{to_hex(rt.i(0, 99999)) || '/' || to_hex(rt.i(0, 4294967295))},                         1 ],
	[ 'pg_snapshot', q{(ARRAY['10:20:10,14,15', '1:1:'])[rt.i(1, 2)]} ],
	[ 'txid_snapshot', q{(ARRAY['10:20:10,14,15', '1:1:'])[rt.i(1, 2)]} ],
	[ 'xid',         'rt.i(0, 4294967295)::text' ],
	[ 'xid8',        'rt.i(0, 99999999999)::text',                                                            1 ],
	[ 'cid',         'rt.i(0, 4294967295)::text' ],
	[ 'tid',         q{'(' || rt.i(0, 99999) || ',' || rt.i(0, 999) || ')'},                                  1 ],
	[ 'regclass',    q{(ARRAY['pg_class'::regclass::oid, 987654321, 0])[rt.i(1, 3)]},                         1 ],
	[ 'regtype',     q{(ARRAY['int4', 'text[]', 'timestamptz', 'pg_catalog."char"'])[rt.i(1, 4)]},            1 ],
	[ 'regproc',     q{(ARRAY['pg_catalog.now', 'array_in', '-'])[rt.i(1, 3)]},                               1 ],
	[ 'regprocedure', q{(ARRAY['abs(int4)', 'now()'])[rt.i(1, 2)]},                                           1 ],
	[ 'regoperator', q{'+(int4,int8)'},                                                                       1 ],
	[ 'regrole',     'quote_ident(current_user)',                                                                           1 ],
	[ 'regnamespace', q{'rt'},                                                                                1 ],
	[ 'regconfig',   q{'english'},                                                                            1 ],
	[ 'regcollation', q{'"C"'},                                                                               1 ],
	[ 'int2vector',  q{rt.i(-9, 9) || ' ' || rt.i(-9, 9)} ],
	[ 'oidvector',   q{rt.i(0, 9) || ' ' || rt.i(0, 9)},                                                      1 ],
	[ 'refcursor',   'rt.txt()' ],
	[ 'aclitem',     q{(ARRAY[current_user, ''])[rt.i(1, 2)] || '=rw/' || current_user} ],
	[ 'int4range',   q{CASE WHEN random() < 0.1 THEN 'empty' ELSE int4range(rt.i(-99, 0)::int, rt.i(1, 99)::int) END}, 1 ],
	[ 'int8range',   'int8range(rt.i(-99, 0), NULL)',                                                         1 ],
	[ 'numrange',    q{numrange(round(rt.span(5)::numeric, 3) - 200000, 200000, '(]')},                       1 ],
	[ 'tsrange',     q{tsrange(NULL, rt.ts())},                                                               1 ],
	[ 'tstzrange',   q{tstzrange('2026-01-01 00:00Z', timestamptz '2026-01-02 00:00Z' + random() * interval '1 year', '[]')}, 1 ],
	[ 'daterange',   q{daterange('2026-01-01', date '2026-01-02' + rt.i(0, 999)::int)},                       1 ],
	[ 'int4multirange', 'int4multirange(int4range(rt.i(-99, 0)::int, 1), int4range(7, rt.i(9, 99)::int))',    1 ],
	[ 'nummultirange', q{nummultirange(numrange(-1.50, rt.i(0, 9)), numrange(10, NULL))},                     1 ],
	[ 'datemultirange', q{datemultirange(daterange('2026-01-01', date '2026-01-02' + rt.i(0, 999)::int))},    1 ]);

sub scalar_types
{
	return map { { name => $_->[0], value => "($_->[1])::$_->[0]", btree => $_->[2] } }
	  grep { ($major >= 14 || $_->[0] !~ /multirange/) && ($has_xml || $_->[0] ne 'xml') } @scalars;
}
sub key_types    { return grep { $_->{btree} } scalar_types() }

# A function that gives the type's values, and the type by way of it: what is nested stays short.
sub with_function
{
	my ($sql, $number, $type) = @_;
	$$sql .= "CREATE FUNCTION rt.v$number() RETURNS $type->{name} LANGUAGE plpgsql AS \$v\$ BEGIN "
	  . "IF random() < 0.12 THEN RETURN NULL; END IF; RETURN $type->{value}; END \$v\$;\n";
	return { %$type, value => "rt.v$number()" };
}

sub array_value
{
	my ($element, $name) = @_;
	my $value = sub { join ',', map { "($element->{value})" } 1 .. $_[0] };
	my $flat  = sprintf 'ARRAY[%s]::%s', $value->(1 + int rand 3), $name;
	my $grid  = sprintf 'ARRAY[[%s],[%s]]::%s', $value->(2), $value->(2), $name;
	return "CASE rt.i(1, 6) WHEN 1 THEN '{}'::$name WHEN 2 THEN rt.shift($flat) WHEN 3 THEN $grid ELSE $flat END";
}

# The statements that make $count types over the built-in ones and over each other, and a list of them all, the built-in
# ones included. array: brackets around its values would add a dimension; acl: holds an aclitem, which has no binary form.
sub make_types
{
	my ($count) = @_;
	my $sql     = '';
	my $number  = 0;
	my @types   = map { with_function(\$sql, ++$number, $_) } scalar_types();
	my @subtypes = grep { $_->{btree} && $_->{name} !~ /range|\(|^"|^(reg|bool|oidvector)/ } @types;
	my %makers  = (
		enum => sub {
			my ($name) = @_;
			my @labels = map { "'$_'" } 'sad', 'o"k', 'a,b', q(two''s), '{}', "\xc3\xa9", 'NULL', '';
			$sql .= "CREATE TYPE $name AS ENUM (" . join(', ', @labels[ 0 .. 5 ]) . ");\n" . "ALTER TYPE $name ADD VALUE $labels[6];\n";
			return { name => $name, value => "(enum_range(NULL::$name))[rt.i(1, 7)]", btree => 1 };
		},
		domain => sub {
			my ($name) = @_;
			my $base = pick(@types);
			$sql .= "CREATE DOMAIN $name AS $base->{name};\n";
			return { name => $name, value => "($base->{value})::$name", acl => $base->{acl} };
		},
		composite => sub {
			my ($name) = @_;
			my @members = map { pick(@types) } 1 .. 1 + int rand 4;
			my $n       = 0;
			$sql .= "CREATE TYPE $name AS (" . join(', ', map { quoted(hostile_name(++$n)) . " $_->{name}" } @members) . ");\n";
			return { name => $name, value => 'ROW(' . join(',', map { $_->{value} } @members) . ")::$name", acl => scalar grep { $_->{acl} } @members };
		},
		range => sub {
			my ($name) = @_;
			my $subtype = pick(@subtypes);
			my $multirange = $major < 14 ? '' : ", multirange_type_name = ${name}_multi";
			$sql .= "CREATE TYPE $name AS RANGE (subtype = $subtype->{name}$multirange);\n";
			return { name => $name,
				value => "(SELECT $name(least(a, b), greatest(a, b), (ARRAY['[]', '[)', '(]', '()'])[rt.i(1, 4)]) FROM (SELECT $subtype->{value} AS a, $subtype->{value} AS b) bounds)" };
		},
		multirange => sub {
			my ($name) = @_;
			my $range = pick(grep { $_->{name} =~ /^rt\.range\d+$/ } @types) or return;
			return { name => "$range->{name}_multi", value => "range_agg($range->{value}) FROM generate_series(1, 2)" };
		},
		array => sub {
			my $element = pick(grep { !$_->{array} } @types);
			my $name    = "$element->{name}\[]";
			return { name => $name, value => array_value($element, $name), array => 1, acl => $element->{acl} };
		});
	foreach my $type (@types)
	{
		$type->{acl}   = $type->{name} eq 'aclitem';
		$type->{array} = $type->{name} =~ /vector$/ && $type->{name} ne 'tsvector';
	}
	foreach my $made (1 .. $count)
	{
		my $kind = pick(qw(enum domain domain composite composite range multirange array array));
		next if $kind eq 'multirange' && $major < 14;
		my $type = $makers{$kind}->("rt.$kind$made") or next;
		$type->{value} = "(SELECT $type->{value})" if $kind eq 'multirange';
		push @types, with_function(\$sql, ++$number, $type);
	}
	return ($sql, @types);
}

1;

# Random tables and random changes to them, as SQL: columns of every type in any order, hostile names, keys of several
# columns, every replica identity, generated, dropped and added columns, and changes in transactions with savepoints, COPY,
# ON CONFLICT, TRUNCATE and key updates.
package CdcTest::RandomTables;

use strict;
use warnings;
use Exporter 'import';
use CdcTest::RandomTypes;
use List::Util 'shuffle';

our @EXPORT = qw(random_table);

# Columns as { column, type, value } and what is special about one: key, generated, gone (it is dropped again).
sub random_columns
{
	my ($types, $identity) = @_;
	my $number  = 0;
	my $column  = sub { my (%more) = @_; return { column => quoted(hostile_name(++$number)), %more } };
	my $of_type = sub { my ($type) = @_; return (type => $type->{name}, value => $type->{value}, acl => $type->{acl}) };
	my @columns = map { $column->($of_type->(pick(@$types))) } 1 .. (chance(0.1) ? 40 : 1 + int rand 12);
	push @columns, $column->(type => 'bigint', value => '0', gone => 1) if chance(0.3);
	if ($identity ne 'none' && $identity ne 'full without a key')
	{
		my $first = $column->(type => 'int', value => 'g', key => 1, first => 1);
		my @keys  = map { $column->($of_type->($_), key => 1) } map { pick(key_types()) } 1 .. int rand 3;
		push @columns, $first, @keys;
		push @columns, $column->(type => 'bigint', value => "$first->{column}::bigint * 2 + 1", generated => 1) if chance(0.2);
	}
	return shuffle(@columns);
}

sub names { return join ', ', map { $_->{column} } @_ }

sub create_sql
{
	my ($table, @columns) = @_;
	my $name = $table->{name};
	my @definitions;
	foreach my $each (@columns)
	{
		push @definitions, "$each->{column} $each->{type}"
		  . ($each->{generated} ? " GENERATED ALWAYS AS ($each->{value}) STORED" : $each->{key} ? ' NOT NULL' : '');
	}
	my @key = shuffle(grep { $_->{key} } @columns);
	my $sql = "CREATE TABLE $name (" . join(', ', @definitions) . ");\n";
	$sql .= "ALTER TABLE $name ADD PRIMARY KEY (" . names(@key) . ");\n" if @key && ($table->{identity} ne 'index' || chance(0.5));
	if ($table->{identity} eq 'index')
	{
		$sql .= "CREATE UNIQUE INDEX $table->{index} ON $name (" . names(grep { $_->{first} } @key) . ");\n";
		$sql .= "ALTER TABLE $name REPLICA IDENTITY USING INDEX $table->{index};\n";
	}
	$sql .= "ALTER TABLE $name REPLICA IDENTITY FULL;\n" if $table->{identity} =~ /full/;
	foreach my $each (grep { $_->{type} =~ /^(text|bytea|jsonb)$/ && !$_->{key} && chance(0.5) } @columns)
	{
		$sql .= "ALTER TABLE $name ALTER $each->{column} SET STORAGE EXTERNAL;\n";
	}
	$sql .= "ALTER TABLE $name DROP $_->{column};\n" foreach grep { $_->{gone} } @columns;
	return $sql;
}

# Rows numbered from $from to $to.
sub insert_sql
{
	my ($table, $from, $to, @columns) = @_;
	my @filled = grep { !$_->{generated} } @columns;
	return
	  "INSERT INTO $table->{name} (" . names(@filled) . ') SELECT ' . join(', ', map { $_->{value} } @filled) . " FROM generate_series($from, $to) g";
}

# One statement that changes rows. $table->{next} counts rows, so that keys stay unique.
sub change_sql
{
	my ($table, @columns) = @_;
	my $name    = $table->{name};
	my ($first) = grep { $_->{first} } @columns;
	my @plain   = grep { !$_->{key} && !$_->{generated} } @columns;
	my $kind    = pick(qw(insert update update update delete key upsert copy));
	if ($kind eq 'update' && @plain)
	{
		my @set = (shuffle(@plain))[ 0 .. int rand(@plain < 3 ? @plain : 3) ];
		return "UPDATE $name SET " . join(', ', map { "$_->{column} = $_->{value}" } @set) . ' WHERE random() < 0.4';
	}
	return "DELETE FROM $name WHERE random() < 0.2" if $kind eq 'delete';
	if ($kind eq 'key' && $first)
	{
		my $far = 1000000 * ++$table->{moves};
		return "UPDATE $name SET $first->{column} = $first->{column} + $far WHERE random() < 0.2 AND $first->{column} < 1000000";
	}
	if ($kind eq 'upsert' && $first && $table->{identity} eq 'index' && @plain)
	{
		return insert_sql($table, 1, 6, @columns) . " ON CONFLICT ($first->{column}) DO UPDATE SET $plain[0]{column} = excluded.$plain[0]{column}";
	}
	if ($kind eq 'copy')
	{
		return "COPY $name TO '$table->{file}'; DELETE FROM $name; COPY $name FROM '$table->{file}'";
	}
	my $from = $table->{next};
	$table->{next} += 1 + int rand 5;
	return insert_sql($table, $from, $table->{next} - 1, @columns);
}

sub transaction_sql
{
	my ($table, @columns) = @_;
	my $sql = "BEGIN;\n";
	foreach (1 .. 1 + int rand 3)
	{
		my $nested = chance(0.3);
		$sql .= "SAVEPOINT s;\n" if $nested;
		$sql .= change_sql($table, @columns) . ";\n";
		$sql .= pick("ROLLBACK TO s;\n", "RELEASE s;\n") if $nested;
	}
	return $sql . (chance(0.1) ? "ROLLBACK;\n" : "COMMIT;\n");
}

# A column that the rows already there get by its default, which is not in their events: they are all written again.
sub alter_sql
{
	my ($table, @columns) = @_;
	my ($first) = grep { $_->{first} } @columns or return '';
	my $name    = $table->{name};
	my $full    = $table->{identity} =~ /full/ ? 'DEFAULT' : 'FULL';
	my $default = $table->{identity} =~ /full/ ? '' : ' DEFAULT 1.50';    # the old image of the first update would show it
	my $sql     = "BEGIN;\nALTER TABLE $name ADD \"added %\" numeric$default;\nUPDATE $name SET $first->{column} = $first->{column} + 0;\n";
	$sql .= "ALTER TABLE $name REPLICA IDENTITY $full;\n" if $table->{identity} ne 'index' && chance(0.5);
	return $sql . change_sql($table, @columns) . ";\nCOMMIT;\n";
}

# Table $number of types out of @$types: { name, schema, table, identity, altered, acl, create, changes }: the statements. Without
# an identity there are no changes but new rows, as nobody could tell the rows apart.
sub random_table
{
	my ($number, $directory, $types) = @_;
	my ($schema, $short) = (pick('public', 'other', 'o".%t'), 't' . hostile_name($number) . $number);
	$short = substr $short, 0, 62 - length $number;  # 63 bytes with the dot and the number
	$short =~ s/[\x80-\xff]+$//;
	my %table = (
		schema   => $schema,
		table    => "$short.$number",
		identity => pick(('default') x 9, ('full') x 4, ('full without a key') x 2, ('index') x 3, 'none'),
		next     => 21,
		file     => "$directory/copy",
		index    => "\"replica$number\"");
	$table{name} = quoted($schema) . '.' . quoted($table{table});
	my @columns = random_columns($types, $table{identity});
	$table{create} = create_sql(\%table, @columns);
	@columns = grep { !$_->{gone} } @columns;
	$table{acl} = grep { $_->{acl} } @columns;
	$table{changes} = insert_sql(\%table, 1, 20, @columns) . ";\n";
	if ($table{identity} ne 'none')
	{
		$table{changes} .= transaction_sql(\%table, @columns) foreach 1 .. 1 + int rand 3;
		$table{changes} .= $table{altered} = alter_sql(\%table, @columns) if chance(0.2);
		$table{changes} .= transaction_sql(\%table, @columns) if chance(0.5);
		$table{changes} .= "TRUNCATE $table{name};\n" . insert_sql(\%table, 200, 209, @columns) . ";\n" if chance(0.1);
	}
	return \%table;
}

1;

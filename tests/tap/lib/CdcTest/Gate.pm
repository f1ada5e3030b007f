# Where a snapshot's reader stands still, or fails: a condition on its rows, pass(gate, here), waits for as long as the gate
# is closed, and raises an error where it is broken. A gate is a sequence, whose value is seen at once under every snapshot.
package CdcTest::Gate;

use strict;
use warnings;
use CdcTest;
use Exporter 'import';

our @EXPORT = qw(create_gates set_gate gated);

my %value = (closed => 1, open => 2, broken => 3);

# create_gates($node, 'gate', …): in the database shop, all of them closed.
sub create_gates
{
	my ($node, @gates) = @_;
	$node->safe_psql('shop', join '', map { "CREATE SEQUENCE $_;\n" } @gates);
	$node->safe_psql('shop', <<'SQL');
CREATE FUNCTION pass(gate regclass, here boolean) RETURNS boolean STABLE LANGUAGE plpgsql AS $$
DECLARE
	state bigint;
BEGIN
	WHILE here LOOP
		EXECUTE format('SELECT last_value FROM %s', gate) INTO state;
		IF state = 3 THEN
			RAISE EXCEPTION 'the gate is broken';
		END IF;
		EXIT WHEN state = 2;
		PERFORM pg_sleep(0.05);
	END LOOP;
	RETURN true;
END $$;
SQL
	return;
}

sub set_gate
{
	my ($node, $gate, $state) = @_;
	$node->safe_psql('shop', "SELECT setval('$gate', $value{$state})");
	return;
}

# The condition of source.tables.where that makes readers pass a gate at the rows for which `here` holds.
sub gated { my ($gate, $here) = @_; return "public.pass('public.$gate', $here)" }

1;

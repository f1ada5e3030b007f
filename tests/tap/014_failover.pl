# A standby takes over: a position that the new primary shares is gone on with, one that it never had is refused.
use strict;
use warnings;
use CdcTest;
use Test::More;

my $round = 0;

# A primary, its standby, and a worker that finds whichever may be written to. synchronised: the standby keeps the slot too.
sub set_up
{
	my (%how) = @_;
	my $name = 'over' . ++$round;
	my $primary = source_cluster(node => "primary$round", %{ $how{primary} // {} });
	$primary->safe_psql('shop', 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
	$primary->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('standby')");
	$primary->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new("standby$round");
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', "primary_slot_name = 'standby'\nhot_standby_feedback = on\n"
		  . "wal_retrieve_retry_interval = '100ms'\n" . ($how{standby} ? $how{standby}->($primary) : ''));
	$standby->start;
	my $dsn = sprintf('host=%s,%s port=%d,%d user=%s dbname=shop target_session_attrs=read-write',
		$primary->host, $standby->host, $primary->port, $standby->port, scalar getpwuid($<));
	# The test's nodes have a cluster_name each: the events must not tell by which of them they were sent.
	my %settings = (name => $name, dsn => $dsn, sinks => [ postgres_sink($primary) ], source => { cluster => 'shop' });
	my $worker = CdcTest::Worker->new(%settings, pipeline => { slot => $how{slot} // {} })->start;
	my $at = { name => $name, primary => $primary, standby => $standby, worker => $worker, settings => \%settings };
	ok(wait_slot_active($primary, $name), "$name: streaming") or diag($worker->log);
	add($at, $primary);
	return $at;
}

# The standby has all that the primary has.
sub caught_up
{
	my ($at) = @_;
	my $end = $at->{primary}->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
	ok($at->{standby}->poll_query_until('postgres', "SELECT pg_last_wal_replay_lsn() >= '$end'"), 'the standby has caught up');
	return;
}

# One more row, delivered.
sub add
{
	my ($at, $node) = @_;
	$node->safe_psql('shop', 'INSERT INTO t SELECT max(id) + 1 FROM t');
	ok(wait_caught_up($node, $at->{name}), "$at->{name}: caught up") or diag($at->{worker}->log);
	return;
}

sub promote
{
	my ($at) = @_;
	$at->{primary}->stop('immediate');
	$at->{standby}->start unless $at->{standby}{_pid};
	$at->{standby}->promote;
	return;
}

sub restart_with
{
	my ($at, %slot) = @_;
	$at->{worker}->configure(%{ $at->{settings} }, pipeline => { slot => {%slot} });
	$at->{worker}->start;
	return;
}

sub refused
{
	my ($at, $name, $says) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($at->{worker}->wait_exit(60), 1, "$name: refused");
	like($at->{worker}->log, $says, "$name: says why");
	return;
}

sub projected { return projection_node($_[0]->{primary})->safe_psql('projection', $_[1]) }
sub finish { my ($at) = @_; $_->teardown_node foreach $at->{standby}, $at->{primary}; return }

# The standby had everything. Its slots went with the primary (they are only kept from 17 on).
{
	my $at = set_up();
	caught_up($at);
	promote($at);
	refused($at, 'the slot is gone', qr/slot "over1" does not exist, but sink postgres has streamed from it/);
	$at->{standby}->safe_psql('shop', 'DELETE FROM t WHERE id = 1');
	restart_with($at, on_missing => 'create');
	ok(wait_slot_active($at->{standby}, 'over1'), 'create: streaming on the new primary') or diag($at->{worker}->log);
	like($at->{worker}->log, qr/is of timeline 1; the source went on from there at \S+ on timeline 2/, 'it says where they part');
	add($at, $at->{standby});
	is(projected($at, 'SELECT timeline FROM projection_position'), 2, 'the position is of the new timeline');
	is(projected($at, "SELECT string_agg(id::text, ',' ORDER BY id) FROM t WHERE NOT _deleted"), '1,2,3',
		'what was committed before the new slot is missing, as the warning says');
	is($at->{worker}->stop, 0, 'a clean stop');
	$at->{standby}->safe_psql('shop', "SELECT pg_drop_replication_slot('over1')");
	restart_with($at, on_missing => 'resnapshot');
	ok(wait_slot_active($at->{standby}, 'over1'), 'resnapshot: streaming') or diag($at->{worker}->log);
	add($at, $at->{standby});
	is(projected($at, "SELECT string_agg(id::text, ',' ORDER BY id) FROM t WHERE NOT _deleted"), '2,3,4', 'all is there again');
	# The old primary comes back, and somebody points the worker to it.
	is($at->{worker}->stop, 0, 'a clean stop');
	$at->{primary}->start;
	$at->{settings}{dsn} = dsn($at->{primary}, 'shop');
	restart_with($at);
	refused($at, 'the old primary', qr/is of timeline 2, but the source is on timeline 1.*hint: .*left behind/);
	finish($at);
}

# The standby lagged: a commit was delivered that it never had.
{
	my $at = set_up();
	caught_up($at);
	$at->{standby}->stop;
	add($at, $at->{primary});
	is(projected($at, 'SELECT count(*) FROM t'), 3, 'delivered');
	promote($at);
	foreach my $missing (qw(fail create resnapshot))
	{
		restart_with($at, on_missing => $missing) unless $missing eq 'fail';
		refused($at, "on_missing: $missing",
			qr/it has the transaction at \S+, but the source left that timeline at \S+: a standby was promoted/);
	}
	like($at->{worker}->log, qr/hint: .*synchronized_standby_slots.*begin again/, 'with the way out');
	finish($at);
}

# The standby keeps the slot (17 and later): nothing is missing, nothing comes twice.
SKIP:
{
	skip 'slots are synchronised to standbys from PostgreSQL 17 on', 1
	  if `postgres --version` =~ /\b(1[0-6])\./;
	my $at = set_up_with_slot();
	my $standby = $at->{standby};
	add($at, $at->{primary});
	caught_up($at);
	promote($at);
	ok(wait_slot_active($standby, $at->{name}), 'the worker goes on by itself') or diag($at->{worker}->log);
	$standby->safe_psql('shop', 'DELETE FROM t WHERE id = 1');
	add($at, $standby);
	is(projected($at, "SELECT string_agg(id::text, ',' ORDER BY id) FROM t WHERE NOT _deleted"), '2,3,4', 'nothing is missing');
	is(projected($at, "SELECT count(*) FROM projection_ledger WHERE batch_id <> 'snapshot'"), 4,
		'each transaction was applied once');
	is($at->{worker}->stop, 0, 'a clean stop');
	finish($at);

	# The same, while the old primary and its worker live on: the standby is promoted beside them.
	$at = set_up_with_slot();
	my ($old, $primary) = @$at{qw(worker primary)};
	$standby = $at->{standby};
	add($at, $primary);
	caught_up($at);
	$standby->promote;
	my $new = $at->{worker} = CdcTest::Worker->new(%{ $at->{settings} }, dsn => dsn($standby, 'shop'));
	$new->{logfile} .= '.new';
	$new->start;
	ok(wait_slot_active($standby, $at->{name}), 'a second worker goes on from the slot of the new primary') or diag($new->log);
	add($at, $standby);
	$primary->safe_psql('shop', 'INSERT INTO t VALUES (100)');
	$new->forget_log;
	$old->kill9;
	foreach my $start (1 .. 3)
	{
		$old->configure(%{ $at->{settings} }, dsn => dsn($primary, 'shop'));
		$old->start;
		is($old->wait_exit(60), 1, "start $start at the old primary, which has its slot still: refused") or diag($old->log);
		like($old->log, qr/is of timeline 2, but the source is on timeline 1.*hint: .*left behind/, 'and says why');
		add($at, $standby);
	}
	is($new->log, '', 'the other is not disturbed');
	is(projected($at, "SELECT string_agg(id::text, ',' ORDER BY id) FROM t WHERE NOT _deleted"), '1,2,3,4,5,6,7',
		'nothing is missing, and nothing of the old primary has come after the promotion');
	is(projected($at, "SELECT count(*), count(DISTINCT commit_lsn) FROM projection_ledger WHERE batch_id <> 'snapshot'"), '6|6',
		'each transaction was applied once');
	is($new->stop, 0, 'a clean stop');
	finish($at);
}
done_testing();

# As set_up, with a slot that the standby keeps too.
sub set_up_with_slot
{
	my $at = set_up(
		primary => { synchronized_standby_slots => 'standby' },
		slot    => { failover => \1 },
		standby => sub { my ($primary) = @_;
			return sprintf("sync_replication_slots = on\nsynchronized_standby_slots = ''\nprimary_conninfo = 'host=%s port=%d dbname=postgres'\n",
				$primary->host, $primary->port); });
	is($at->{primary}->safe_psql('postgres', "SELECT failover FROM pg_replication_slots WHERE slot_name = '$at->{name}'"), 't',
		'the slot is marked for failover');
	ok($at->{standby}->poll_query_until('postgres',
			"SELECT synced AND NOT temporary FROM pg_replication_slots WHERE slot_name = '$at->{name}'"),
		'the standby keeps it');
	return $at;
}

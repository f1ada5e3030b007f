# The table note under pgbench while what reads it is killed: the load, the kills, and what a compacted topic would keep of it.
package CdcTest::NoteLoad;

use strict;
use warnings;
use CdcTest;
use CdcTest::Kafka;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

# With so many rows; no update lacks a value of it, so that a compacted topic has whole rows. script: what four sessions of
# pgbench do, for start.
sub new
{
	my ($class, $node, $rows, $script) = @_;
	$node->safe_psql('shop', qq{
		CREATE TABLE note (id integer PRIMARY KEY, n integer NOT NULL, t text);
		INSERT INTO note SELECT i, 0, repeat('row ' || i || ' ', 10) FROM generate_series(1, $rows) i;
		ANALYZE note;
	});
	my $file = "$PostgreSQL::Test::Utils::tmp_check/note.sql";
	append_to_file($file, $script);
	return bless { node => $node, file => $file, output => '' }, $class;
}

sub start
{
	my ($self) = @_;
	$self->{run} = IPC::Run::start(
		[ 'pgbench', '-n', '-c', 4, '-R', 100, '-T', 7200, '--max-tries=100', '-f', $self->{file}, '-h', $self->{node}->host,
			'-p', $self->{node}->port, 'shop' ],
		'>', \$self->{output}, '2>&1');
	return;
}

sub stop
{
	my ($self) = @_;
	IPC::Run::signal($self->{run}, 'TERM');
	eval { IPC::Run::finish($self->{run}) };
	return;
}

# Kills the worker, or the server with all of its processes, and starts it again, and the load with the server. Which: victim,
# or with 'both' the one and the other in turn. Returns who it was.
sub kill_one
{
	my ($self, $worker, $victim, $round) = @_;
	my $whom = $victim eq 'both' ? ($round % 2 ? 'worker' : 'server') : $victim;
	if ($whom eq 'worker')
	{
		$worker->kill9;
		$worker->start;
		return $whom;
	}
	my $node = $self->{node};
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	$node->kill9;
	$self->stop;
	# What it leaves behind may need a moment to notice.
	wait_until(sub { !kill(0, $postmaster) });
	wait_until(sub { $node->start(fail_ok => 1) }) or die 'the server does not start again';
	$self->start;
	return $whom;
}

# One passed or failed test: of each key the newest message, unless it is a deletion, is the source's row.
sub same_compacted
{
	my ($self, $brokers, $topic) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my %latest;
	consume_each($brokers, $topic, sub {
		my ($message) = @_;
		return $latest{ $message->{key} } = undef unless defined $message->{value} && $message->{value} !~ /"op_type":"d"/;
		$message->{value} =~ /"after":(\{.*\}),"evidence_id"/ or die $message->{value};
		$latest{ $message->{key} } = $1;
	});
	my $kept   = join "\n", sort grep { defined } values %latest;
	my $source = one_value($self->{node}, 'shop',
		"SELECT substring(cdc_envelope.encode(r, 'r', '0/0', now()) FROM '\"after\":(\\{.*\\}),\"evidence_id\"') FROM note r");
	return is($kept eq join("\n", sort split /\n/, $source) ? 'equal' : 'different', 'equal', 'what a compacted topic would keep equals the source');
}

1;

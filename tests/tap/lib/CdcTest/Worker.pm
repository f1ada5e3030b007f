# A cdc-worker process under test: its configuration file, its start, its signals, its end and its log. CDC_WORKER names
# the binary. Every process started here is killed when the test ends.
package CdcTest::Worker;

use strict;
use warnings;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

my %running;

# new(name => 'booking', dsn => …, sinks => [ … ], source => { … }, pipeline => { … }): one pipeline, its slot called as
# it is. source and pipeline add keys to these sections of the configuration, metrics is that section; log_level => 'debug'
# says more.
sub new
{
	my ($class, %args) = @_;
	my $self = bless {
		name    => $args{name},
		file    => "$PostgreSQL::Test::Utils::tmp_check/$args{name}.yaml",
		logfile => "$PostgreSQL::Test::Utils::log_path/$args{name}_worker.log",
		outfile => "$PostgreSQL::Test::Utils::tmp_check/$args{name}_worker.out",
		env     => $args{env} // {},
	}, $class;
	$self->configure(%args);
	return $self;
}

# Writes the configuration file. As JSON, which is YAML.
sub configure
{
	my ($self, %args) = @_;
	my %pipeline = (
		name   => $args{name},
		source => { dsn => $args{dsn}, feedback_interval => '100ms', %{ $args{source} // {} } },
		retry_backoff_max => '1s',
		%{ $args{pipeline} // {} },
		sinks => $args{sinks});
	$self->configure_text(JSON::PP->new->canonical->pretty->encode(
		{   ($args{log_level} ? (log => { level => $args{log_level} }) : ()),
			($args{metrics} ? (metrics => $args{metrics}) : ()),
			pipelines => [ \%pipeline ] }));
	return;
}

sub configure_text
{
	my ($self, $text) = @_;
	open(my $file, '>', $self->{file}) or die "could not write $self->{file}: $!";
	print $file $text;
	close($file);
	chmod(0600, $self->{file});
	return;
}

# Starts `cdc-worker run`; its standard output goes to $self->{outfile}, or to the descriptor given.
sub start
{
	my ($self, %how) = @_;
	die "worker $self->{name} is running" if $self->{pid};
	$self->{log_from} = -s $self->{logfile} // 0;
	my $pid = fork() // die "could not fork: $!";
	if ($pid == 0)
	{
		$ENV{$_} = $self->{env}{$_} foreach keys %{ $self->{env} };
		open(STDIN,  '<',  '/dev/null')      or POSIX::_exit(126);
		open(STDERR, '>>', $self->{logfile}) or POSIX::_exit(126);
		$how{stdout}
		  ? open(STDOUT, '>&', $how{stdout})
		  : open(STDOUT, '>>', $self->{outfile});
		exec($ENV{CDC_WORKER}, 'run', '-c', $self->{file}, @{ $how{args} // [] }) or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	$self->{end} = undef;
	$running{$pid} = 1;
	return $self;
}

sub pid { my ($self) = @_; return $self->{pid} }

sub signal
{
	my ($self, $signal) = @_;
	kill($signal, $self->{pid}) if $self->{pid};
	return;
}

# Waits for the process to end: its exit code, "signal N", or undef when it still runs after $seconds. Of one that has ended
# it says the same again.
sub wait_exit
{
	my ($self, $seconds) = @_;
	return $self->{end} unless $self->{pid};
	my $deadline = time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);
	while (time() < $deadline)
	{
		if (waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid})
		{
			my $status = $?;
			delete $running{ $self->{pid} };
			$self->{pid} = undef;
			return $self->{end} = $status & 127 ? 'signal ' . ($status & 127) : $status >> 8;
		}
		select(undef, undef, undef, 0.02);
	}
	return undef;
}

sub running
{
	my ($self) = @_;
	return $self->{pid} && !defined $self->wait_exit(0.03);
}

sub kill9
{
	my ($self) = @_;
	$self->signal('KILL');
	return $self->wait_exit;
}

# A clean stop: its exit code.
sub stop
{
	my ($self, $seconds) = @_;
	$self->signal('TERM');
	return $self->wait_exit($seconds);
}

# What it has logged since its last start, or since forget_log.
sub log
{
	my ($self) = @_;
	return '' unless -e $self->{logfile};
	return slurp_file($self->{logfile}, $self->{log_from} // 0);
}

# From now on, log and wait_log know nothing of what was logged before.
sub forget_log { my ($self) = @_; $self->{log_from} = -s $self->{logfile} // 0; return }

# Waits until its log since its last start matches; the match's first group (or 1), undef when it does not come.
sub wait_log
{
	my ($self, $pattern, $seconds) = @_;
	my $deadline = time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);
	while (time() < $deadline)
	{
		return $1 // 1 if $self->log =~ $pattern;
		last unless $self->running;
		select(undef, undef, undef, 0.05);
	}
	return $self->log =~ $pattern ? $1 // 1 : undef;
}

# The address of the embedded Kafka, for kcat.
sub bootstrap
{
	my ($self) = @_;
	return $self->wait_log(qr/embedded kafka: bootstrap servers (\S+)/);
}

# Memory in KiB: resident now, and at its highest.
sub memory
{
	my ($self) = @_;
	my $status = slurp_file("/proc/$self->{pid}/status");
	return map { $status =~ /^$_:\s+(\d+) kB/m ? $1 : die "no $_ in /proc" } qw(VmRSS VmHWM);
}

END
{
	my $status = $?;
	kill('KILL', $_), waitpid($_, 0) foreach keys %running;
	$? = $status;
}

1;

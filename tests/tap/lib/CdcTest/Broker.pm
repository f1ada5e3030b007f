# A real Apache Kafka broker for a test: started from the jars that KAFKA_LIBS names, stopped at the end of the test. A
# test that needs one is skipped where there are none (KAFKA_SKIP says why).
package CdcTest::Broker;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use CdcTest::Proxy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $script = abs_path(dirname(__FILE__) . '/../../integration/kafka-broker');

# The running broker, or the end of the test. proxy => 1: clients at proxy->address reach it through a proxy, and the others as
# always. log_dir: where its data is. user => 'name': it has an authorizer, and at user_address that user, with the properties of
# user_properties, may only what grant allows.
sub start_or_skip
{
	my ($class, %how) = @_;
	plan(skip_all => 'no real Kafka broker: ' . ($ENV{KAFKA_SKIP} // 'KAFKA_LIBS is not set')) unless $ENV{KAFKA_LIBS};
	my $self = bless { place => PostgreSQL::Test::Utils::tempdir() . '/broker' }, $class;
	local $ENV{KAFKA_LOG_DIR} = $how{log_dir} // '';
	local $ENV{KAFKA_PROXY} = '';
	if ($how{proxy})
	{
		my $port = PostgreSQL::Test::Cluster::get_free_port();
		$self->{proxy} = CdcTest::Proxy->new(to => "127.0.0.1:$port");
		$ENV{KAFKA_PROXY} = "$port " . $self->{proxy}->port;
	}
	local $ENV{KAFKA_USER} = '';
	if ($how{user})
	{
		my $port = PostgreSQL::Test::Cluster::get_free_port();
		@$self{qw(user user_address)} = ($how{user}, "127.0.0.1:$port");
		$ENV{KAFKA_USER} = "$port $how{user} secret";
	}
	$self->start;
	return $self;
}

sub user_address { my ($self) = @_; return $self->{user_address} }

sub user_properties
{
	my ($self) = @_;
	return {
		'security.protocol' => 'SASL_PLAINTEXT',
		'sasl.mechanism'    => 'PLAIN',
		'sasl.username'     => $self->{user},
		'sasl.password'     => 'secret' };
}

# Runs one of Kafka's own tools as one who may everything.
sub tool
{
	my ($self, $class, @args) = @_;
	my ($out, $error) = run_command([ $script, 'tool', $ENV{KAFKA_LIBS}, $class, '--bootstrap-server', $self->address, @args ]);
	die "$class @args: $out$error" if $?;
	return $out;
}

# Allows the user operations on what the other arguments of kafka-acls.sh name: grant([qw(Read Write)], '--topic' => 'x').
sub grant
{
	my ($self, $operations, @on) = @_;
	$self->tool('org.apache.kafka.tools.AclCommand', '--add', '--allow-principal', "User:$self->{user}",
		(map { ('--operation', $_) } @$operations), @on);
	return;
}

sub start
{
	my ($self) = @_;
	my $address = `$script start $ENV{KAFKA_LIBS} $self->{place}`;
	die 'the broker did not start' unless $address =~ /^(\S+:\d+)$/m;
	$self->{address} = $1;
	return;
}

# It keeps its data and its address for the next start. What it said goes to the test's logs.
sub stop
{
	my ($self) = @_;
	return unless -e "$self->{place}/pid";
	system($script, 'stop', $self->{place});
	my $name = sprintf('%s_broker_%d.log', basename($0, '.pl'), ++$self->{stops});
	system('cp', "$self->{place}/broker.log", "$PostgreSQL::Test::Utils::log_path/$name");
	return;
}

sub proxy { my ($self) = @_; return $self->{proxy} }

# Stands still (STOP) and goes on (CONT): its connections stay, it answers nothing meanwhile.
sub signal
{
	my ($self, $signal) = @_;
	kill($signal, PostgreSQL::Test::Utils::slurp_file("$self->{place}/pid") + 0) or die "no broker to be sent SIG$signal";
	return;
}

sub address { my ($self) = @_; return $self->{address} }

sub DESTROY { my ($self) = @_; local $?; $self->stop; return }

1;

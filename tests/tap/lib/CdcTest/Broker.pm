# A real Apache Kafka broker for a test: started from the jars that KAFKA_LIBS names, stopped at the end of the test. A
# test that needs one is skipped where there are none (KAFKA_SKIP says why).
package CdcTest::Broker;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

my $script = abs_path(dirname(__FILE__) . '/../../integration/kafka-broker');

# The running broker, or the end of the test.
sub start_or_skip
{
	my ($class) = @_;
	plan(skip_all => 'no real Kafka broker: ' . ($ENV{KAFKA_SKIP} // 'KAFKA_LIBS is not set')) unless $ENV{KAFKA_LIBS};
	my $self = bless { place => PostgreSQL::Test::Utils::tempdir() . '/broker' }, $class;
	$self->start;
	return $self;
}

sub start
{
	my ($self) = @_;
	my $address = `$script start $ENV{KAFKA_LIBS} $self->{place}`;
	die 'the broker did not start' unless $address =~ /^(\S+:\d+)$/m;
	$self->{address} = $1;
	return;
}

# It keeps its data and its address for the next start.
sub stop { my ($self) = @_; system($script, 'stop', $self->{place}); return }

sub address { my ($self) = @_; return $self->{address} }

sub DESTROY { my ($self) = @_; local $?; $self->stop; return }

1;

# A network that can be broken while a test runs: a process that listens on a port of 127.0.0.1 and passes every connection
# on to a server. What is wrong with the network is said by calls, and holds for connections that are open as well:
#   pass            nothing is wrong (also: again)
#   delay(ms)       each byte arrives so much later, in each direction
#   rate(bytes)     no more than so many bytes a second pass, in each direction
#   cut             all connections are closed, and new ones refused
#   reset           all connections are reset once; new ones pass
#   black_hole      packets vanish: nothing is delivered, acknowledged, closed or refused, as when a cable is pulled
#   freeze          the peer's machine acknowledges packets, but nothing comes through: a middle that hangs
# Each returns how many connections it has hit. The process ends with the test.
package CdcTest::Proxy;

use strict;
use warnings;
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_LINGER IPPROTO_IP IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

my %running;
my $most_queued = 256 * 1024;    # bytes of one direction: beyond it nothing is read, so that TCP pushes back
# <linux/in.h>: the kernel drops, before it looks at it, what arrives with a lower TTL (RFC 5082; tcp_v4_rcv in
# net/ipv4/tcp_ipv4.c), so that nothing is acknowledged. What comes over the loopback interface has 64.
my $IP_MINTTL = 21;

# new(to => ADDRESS): ADDRESS is host:port or the path of a Unix socket; port => …: the port to listen on.
sub new
{
	my ($class, %args) = @_;
	my $listener = IO::Socket::INET->new(
		Listen    => 64,
		ReuseAddr => 1,
		LocalAddr => '127.0.0.1',
		LocalPort => $args{port} // 0) or die "proxy: could not listen: $!";
	socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "proxy: socketpair: $!";
	my $self = bless { to => $args{to}, port => $listener->sockport, control => $ours }, $class;
	my $pid = fork() // die "could not fork: $!";
	if ($pid == 0)
	{
		close($ours);
		$SIG{PIPE} = 'IGNORE';
		eval { bless({ %$self, listener => $listener, control => $theirs, mode => 'pass', delay => 0, rate => 0, pairs => {} }, $class)->serve; 1 }
		  or print STDERR "proxy: $@";
		POSIX::_exit(0);    # not the ends of the test's modules
	}
	close($theirs);
	$running{$pid} = 1;
	$self->{pid} = $pid;
	return $self;
}

sub port    { my ($self) = @_; return $self->{port} }
sub address { my ($self) = @_; return "127.0.0.1:$self->{port}" }

sub pass       { my ($self) = @_; return $self->say('pass') }
sub delay      { my ($self, $ms) = @_; return $self->say("delay $ms") }
sub rate       { my ($self, $bytes) = @_; return $self->say("rate $bytes") }
sub cut        { my ($self) = @_; return $self->say('cut') }
sub reset      { my ($self) = @_; return $self->say('reset') }
sub black_hole { my ($self) = @_; return $self->say('black_hole') }
sub freeze     { my ($self) = @_; return $self->say('freeze') }

# How many bytes have passed so far, both directions together.
sub passed { my ($self) = @_; return $self->say('passed') }

sub say
{
	my ($self, $line) = @_;
	syswrite($self->{control}, "$line\n");
	my $answer = readline($self->{control}) // die 'the proxy has ended';
	chomp $answer;
	return $answer;
}

END
{
	my $status = $?;
	kill('KILL', $_), waitpid($_, 0) foreach keys %running;
	$? = $status;
}

# --- in the process of its own

# A pair is two ends: each has its socket, what is queued for it as [when, bytes] in order, and its peer.
sub serve
{
	my ($self) = @_;
	while (1)
	{
		my ($readers, $writers, $wait) = $self->interests;
		my ($can_read, $can_write) = IO::Select->select($readers, $writers, undef, $wait);
		my %ready = map { $_->fileno => 1 } grep { $_->opened } @{ $can_read // [] };
		if ($ready{ fileno $self->{control} }) { $self->obey or return }
		$self->accept_one if $self->{listener} && $ready{ fileno $self->{listener} };
		foreach my $end ($self->ends)
		{
			next if $self->{pairs}{ $end->{pair} }{closed};
			$self->read_from($end) if $ready{ fileno $end->{socket} } && !$self->stopped;
			$self->write_to($end) unless $self->stopped;
		}
		delete $self->{pairs}{$_} foreach grep { $self->{pairs}{$_}{closed} } keys %{ $self->{pairs} };
	}
}

sub stopped { my ($self) = @_; return $self->{mode} eq 'black_hole' || $self->{mode} eq 'freeze' }
sub ends    { my ($self) = @_; return map { @{ $_->{ends} } } values %{ $self->{pairs} } }

sub interests
{
	my ($self) = @_;
	my $readers = IO::Select->new($self->{control});
	my $writers = IO::Select->new;
	return ($readers, $writers, undef) if $self->stopped;
	$readers->add($self->{listener}) if $self->{listener};
	my ($now, $next) = (time());
	foreach my $end ($self->ends)
	{
		$readers->add($end->{socket}) if !$end->{ended} && $end->{peer}{queued} < $most_queued;
		my $first = $end->{queue}[0] or next;
		if ($first->[0] <= $now) { $writers->add($end->{socket}) }
		elsif (!defined $next || $first->[0] < $next) { $next = $first->[0] }
	}
	return ($readers, $writers, defined $next ? $next - $now : undef);
}

sub accept_one
{
	my ($self) = @_;
	my $client = $self->{listener}->accept or return;
	my $server =
	  $self->{to} =~ m{^/} ? IO::Socket::UNIX->new(Peer => $self->{to}) : IO::Socket::INET->new(PeerAddr => $self->{to});
	return close($client) unless $server;
	my $pair = { ends => [] };
	my $id   = fileno $client;
	foreach my $socket ($client, $server)
	{
		$socket->blocking(0);
		setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1) if $socket->isa('IO::Socket::INET');
		push @{ $pair->{ends} }, { socket => $socket, pair => $id, queue => [], queued => 0, free_at => 0 };
	}
	my ($one, $two) = @{ $pair->{ends} };
	($one->{peer}, $two->{peer}) = ($two, $one);
	$self->{pairs}{$id} = $pair;
	return;
}

sub read_from
{
	my ($self, $end) = @_;
	return if $end->{ended} || $end->{peer}{queued} >= $most_queued;
	my $got = sysread($end->{socket}, my $bytes, $self->{rate} ? 4096 : 65536);
	return if !defined $got && ($!{EAGAIN} || $!{EINTR});
	my $to = $end->{peer};
	my $at = time() + $self->{delay} / 1000;
	if (!$got)
	{
		$end->{ended} = 1;
		push @{ $to->{queue} }, [ $at, undef ];    # closed when all before it has been written
		return;
	}
	if ($self->{rate})
	{
		$at = $to->{free_at} if $to->{free_at} > $at;
		$to->{free_at} = $at + $got / $self->{rate};
	}
	push @{ $to->{queue} }, [ $at, $bytes ];
	$to->{queued} += $got;
	return;
}

sub write_to
{
	my ($self, $end) = @_;
	while (my $first = $end->{queue}[0])
	{
		return if $first->[0] > time();
		return $self->close_pair($end->{pair}) unless defined $first->[1];
		my $put = syswrite($end->{socket}, $first->[1]);
		return if !defined $put && ($!{EAGAIN} || $!{EINTR});
		return $self->close_pair($end->{pair}) unless defined $put;
		$self->{passed} += $put;
		$end->{queued} -= $put;
		if ($put == length $first->[1]) { shift @{ $end->{queue} } }
		else                            { substr($first->[1], 0, $put) = '' }
	}
	return;
}

sub close_pair
{
	my ($self, $id, $reset) = @_;
	my $pair = $self->{pairs}{$id};
	foreach my $end (@{ $pair->{ends} })
	{
		setsockopt($end->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $reset;
		close($end->{socket});
		delete $end->{peer};
	}
	$pair->{closed} = 1;
	return;
}

# One command; false when the test has gone.
sub obey
{
	my ($self) = @_;
	my $got = sysread($self->{control}, my $line, 100) or return 0;
	my ($what, $value) = split ' ', $line;
	my $hit = scalar keys %{ $self->{pairs} };
	if    ($what eq 'passed')            { $hit = $self->{passed} // 0 }
	elsif ($what =~ /^(delay|rate)$/)    { $self->{$what} = $value }
	elsif ($what =~ /^(cut|reset)$/)
	{
		$self->close_pair($_, $what eq 'reset') foreach keys %{ $self->{pairs} };
		$self->{pairs} = {};
		close(delete $self->{listener}) if $what eq 'cut' && $self->{listener};
	}
	else { $self->turn($what) }
	syswrite($self->{control}, "$hit\n");
	return 1;
}

sub turn
{
	my ($self, $mode) = @_;
	$self->{listener} //= IO::Socket::INET->new(
		Listen    => 64,
		ReuseAddr => 1,
		LocalAddr => '127.0.0.1',
		LocalPort => $self->{port}) or die "could not listen on port $self->{port} again: $!";
	my @sockets = ($self->{listener}, map { $_->{ends}[0]{socket} } values %{ $self->{pairs} });
	my $ttl = $mode eq 'black_hole' ? 255 : 0;
	setsockopt($_, IPPROTO_IP, $IP_MINTTL, pack('i', $ttl)) or die "IP_MINTTL: $!" foreach @sockets;
	@{$self}{qw(delay rate)} = (0, 0) if $mode eq 'pass';
	$self->{mode} = $mode;
	return;
}

1;

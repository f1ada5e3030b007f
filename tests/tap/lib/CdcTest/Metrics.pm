# A scrape of a worker's metrics endpoint, read strictly: Prometheus' text format, and what it asks beyond its grammar.
package CdcTest::Metrics;

use strict;
use warnings;
use Exporter 'import';
use HTTP::Tiny;

our @EXPORT = qw(metrics_port ask scrape parse_metrics series);

# Where the worker says that it listens; undef where it does not.
sub metrics_port { my ($worker) = @_; return $worker->wait_log(qr{metrics at http://[\d.]+:(\d+)/metrics}) }

# ask($port, $path, method => …, login => 'user:password'): HTTP::Tiny's answer.
sub ask
{
	my ($port, $path, %how) = @_;
	my $client = HTTP::Tiny->new(timeout => 30, proxy => undef, http_proxy => undef, all_proxy => undef);
	my $login  = $how{login} ? "$how{login}\@" : '';
	return $client->request($how{method} // 'GET', "http://${login}127.0.0.1:$port$path");
}

# The metrics as series => value; dies where they can't be had or are not well-formed.
sub scrape
{
	my ($port, %how) = @_;
	my $answer = ask($port, '/metrics', %how);
	die "GET /metrics: $answer->{status} $answer->{content}" unless $answer->{success};
	die "content type $answer->{headers}{'content-type'}" unless $answer->{headers}{'content-type'} =~ m{^text/plain};
	return parse_metrics($answer->{content});
}

# name{a="b",c="d"} as scrape has it, labels in order of their names.
sub series
{
	my ($name, %labels) = @_;
	return $name . (%labels ? '{' . join(',', map { "$_=\"$labels{$_}\"" } sort keys %labels) . '}' : '');
}

# By https://prometheus.io/docs/instrumenting/exposition_formats, text format 0.0.4: HELP and TYPE before the samples, a
# family's lines together, no series twice; buckets that count up, to the count. Dies with the line that is wrong.
sub parse_metrics
{
	my ($text) = @_;
	my (%value, %type, %help, %closed, $family);
	die "no line end at the end\n" unless $text =~ /\n\z/;
	foreach my $line (split /\n/, $text)
	{
		if ($line =~ /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/)
		{
			my ($what, $name, $rest) = ($1, $2, $3);
			if (!defined $family || $name ne $family)
			{
				die "family comes again: $line\n" if $closed{$name};
				$closed{$family} = 1 if defined $family;
				$family = $name;
			}
			die "twice: $line\n" if $what eq 'HELP' ? $help{$name}++ : $type{$name};
			next if $what eq 'HELP';
			die "unknown type: $line\n" unless $rest =~ /^(counter|gauge|histogram|summary|untyped)$/;
			$type{$name} = $rest;
			next;
		}
		$line =~ /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/ or die "not a sample: $line\n";
		my ($name, $labels, $value) = ($1, $2 // '', $3);
		my %labels;
		while ($labels =~ /\G([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|\z)/gc) { $labels{$1} = $2 }
		die "labels: $line\n" if ($labels ne '' && (pos($labels) // 0) != length $labels) || $labels =~ /,$/;
		die "value: $line\n" unless $value =~ /^(?:[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?|Inf)|NaN)$/i;
		my $base = $name;
		$base =~ s/_(?:bucket|sum|count)$// if ($type{ $base =~ s/_(?:bucket|sum|count)$//r } // '') =~ /^(?:histogram|summary)$/;
		die "outside of its family: $line\n" unless defined $family && $base eq $family && $help{$base} && $type{$base};
		die "a counter is not negative: $line\n" if $type{$base} eq 'counter' && $value < 0;
		my $series = series($name, %labels);
		die "twice: $line\n" if exists $value{$series};
		$value{$series} = $value;
	}
	check_buckets(\%value, grep { $type{$_} eq 'histogram' } keys %type);
	return \%value;
}

sub check_buckets
{
	my ($value, @families) = @_;
	foreach my $family (@families)
	{
		my %buckets;
		foreach my $series (grep { /^\Q$family\E_bucket\{/ } keys %$value)
		{
			my ($le) = $series =~ /le="([^"]*)"/ or die "no le: $series\n";
			my $others = $series =~ s/,?le="[^"]*"//r =~ s/\{,/{/r =~ s/_bucket\{/_count{/r;
			$buckets{$others}{ $le eq '+Inf' ? 9**9**9 : $le } = $value->{$series};
		}
		foreach my $count (keys %buckets)
		{
			my $last = 0;
			foreach my $le (sort { $a <=> $b } keys %{ $buckets{$count} })
			{
				die "a bucket of $count counts down\n" if $buckets{$count}{$le} < $last;
				$last = $buckets{$count}{$le};
			}
			die "no bucket to infinity in $count\n" unless exists $buckets{$count}{ 9**9**9 };
			die "the last bucket is not the count: $count\n" unless $last == $value->{$count};
			die "no sum for $count\n" unless exists $value->{ $count =~ s/_count/_sum/r };
		}
	}
	return;
}

1;

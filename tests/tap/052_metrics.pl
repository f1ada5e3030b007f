# What Prometheus reads (docs/metrics.md): during the first snapshot, of the stream, of a table that is read beside it and
# after trouble the values are those of what was delivered; the text is well-formed, holds no secret, and is given to
# nobody without the password; nothing else is answered; where the worker can't listen it does not start.
use strict;
use warnings;
use CdcTest;
use CdcTest::Gate;
use CdcTest::Metrics;
use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster(autovacuum => 'off');
my $rows = 3000;
create_gates($node, 'doc_gate');
$node->safe_psql('shop', qq{
	CREATE TABLE all_read (id integer PRIMARY KEY, t text);
	INSERT INTO all_read SELECT i, 'row ' || i FROM generate_series(1, $rows) i;
	CREATE TABLE doc (LIKE all_read INCLUDING ALL);
	INSERT INTO doc SELECT * FROM all_read;
});
$node->safe_psql('shop', 'VACUUM ANALYZE');
sub sql { return one_value($node, 'shop', $_[0]) }

# Secrets, none of which may be seen anywhere. The servers trust whoever comes.
my %canary = map { $_ => "canary-of-$_" } qw(source sink metrics);
local $ENV{CDC_METRICS_PASSWORD} = $canary{metrics};
my $sink     = postgres_sink($node);
$sink->{postgres}{dsn} .= " password=$canary{sink}";
my %settings = (
	name     => 'measured',
	dsn      => dsn($node, 'shop') . " password=$canary{source}",
	source   => { tables => { where => { 'public.doc' => gated('doc_gate', 'id = 2000') } } },
	pipeline => { snapshot => { readers => 1, chunk_rows => 200 }, memory_limit => '16MiB' },
	metrics  => { listen => '127.0.0.1:0', username => 'prometheus', password => '${CDC_METRICS_PASSWORD}' },
	sinks    => [ $sink, { stdout => {} } ]);
my $worker = CdcTest::Worker->new(%settings);
my ($port, %seen, $all_text);
my $login = "prometheus:$canary{metrics}";

# Keeps what was said in $all_text.
sub look
{
	my $answer = ask($port, '/metrics', login => $login);
	$all_text .= $answer->{content};
	%seen = %{ parse_metrics($answer->{content}) };
	return 1;
}
# Of the pipeline, or of one of its sinks, as it was seen last.
sub of { my ($name, %more) = @_; return $seen{ series($name, pipeline => 'measured', %more) } }
sub phase { return join ' ', grep { of('cdc_pipeline_phase', phase => $_) } qw(connecting snapshot streaming waiting stopped) }
sub wait_seen { my ($check) = @_; return wait_until(sub { look() && $check->() }) }

# The events that standard output has, by op.
sub delivered
{
	my %count;
	my %transactions;
	my $bytes = 0;
	foreach my $line (split /\n/, slurp_file($worker->{outfile}))
	{
		my $event = decode_json($line);
		$count{ $event->{op_type} }++;
		$bytes += length($line) + 1;
		$transactions{ $event->{commit_lsn} } = 1 unless $event->{op_type} eq 'r';
	}
	my $rows = delete $count{r} // 0;
	delete $count{$_} foreach qw(b e);
	my $events = 0;
	$events += $_ foreach values %count;
	return ($rows, $events, scalar keys %transactions, $bytes);
}

# The first snapshot, which stands still at a row of doc.
$worker->start(args => ['--progress']);
$port = metrics_port($worker);
ok($port, 'the log names the port') or BAIL_OUT($worker->log);
ok(wait_seen(sub { phase() eq 'snapshot' && (of('cdc_snapshot_tables') // 0) == 1 && (of('cdc_snapshot_pages') // 0) > 0 }),
	'the snapshot is seen while it is read') or diag(explain(\%seen));
wait_seen(sub { my $before = of('cdc_snapshot_rows'); sleep 1; look(); of('cdc_snapshot_rows') == $before });
is(of('cdc_snapshot_expected_tables'), 2, 'of two tables');
is(of('cdc_snapshot_expected_pages'), sql("SELECT sum(relpages) FROM pg_class WHERE relname IN ('all_read', 'doc')"),
	'of all their pages');
is(of('cdc_snapshot_expected_rows'), 2 * $rows, 'of all their rows');
cmp_ok(of('cdc_snapshot_rows'), '>=', $rows, 'one of them is read');
cmp_ok(of('cdc_snapshot_rows'), '<', 2 * $rows, 'and not the other');
my $ratio = of('cdc_snapshot_completion_ratio');
ok($ratio > 0 && $ratio < 1, "$ratio of it is read");
cmp_ok(abs($ratio - of('cdc_snapshot_pages') / of('cdc_snapshot_expected_pages')), '<', 1e-9, 'by pages');
cmp_ok(of('cdc_snapshot_bytes'),             '>', 100 * $rows, 'in bytes');
cmp_ok(of('cdc_snapshot_rows_per_second'),   '>', 0, 'at a rate');
cmp_ok(of('cdc_snapshot_remaining_seconds'), '>', 0, 'with time left');
cmp_ok(of('cdc_snapshot_duration_seconds'),  '>', 0, 'after some time');
my ($percent) = $worker->log =~ /.*snapshot, \d+ rows of about .* (\d+) %/s;
is(int($ratio * 100 + 1e-9), $percent, "the terminal says the same: $percent %");
is(of('cdc_pipeline_events_total'), 0, 'nothing is streamed yet');
is(of('cdc_pipeline_received_lsn_bytes'), undef, 'a position that is not known is not told');

# The stream.
set_gate($node, 'doc_gate', 'open');
ok(wait_slot_active($node, 'measured'), 'streaming') or diag($worker->log);
foreach my $i (1 .. 20)
{
	sql("BEGIN; INSERT INTO doc SELECT j, 'new' FROM generate_series(10000 + 10 * $i, 10004 + 10 * $i) j; DELETE FROM all_read WHERE id = $i; COMMIT");
}
ok(wait_caught_up($node, 'measured'), 'caught up') or diag($worker->log);
ok(wait_seen(sub { (of('cdc_sink_commit_to_durable_seconds_count', sink => $_) // 0) == 20 || return 0 foreach qw(postgres stdout); 1 }),
	'each sink has told of each transaction')
  or diag(explain(\%seen));
is(phase(), 'streaming', 'the phase');
my ($r, $events, $transactions, $bytes) = delivered();
is($events, 120, 'events were delivered');
is(of('cdc_pipeline_events_total'),       $events,       'and counted');
is(of('cdc_pipeline_transactions_total'), $transactions, "in $transactions transactions");
is(of('cdc_snapshot_rows'),               2 * $rows,     'rows of the snapshot');
is($r,                                    2 * $rows,     'as many as were delivered');
cmp_ok(of('cdc_pipeline_envelope_bytes_total'), '>=', $bytes, 'bytes of what was delivered, and of marks');
cmp_ok(of('cdc_pipeline_envelope_bytes_total'), '<',  $bytes + 2000 * $transactions, 'and of nothing else');
is(of('cdc_snapshot_completion_ratio'), 1,     'the snapshot is whole');
is(of('cdc_snapshot_remaining_seconds'), undef, 'no time is left');
my $took = of('cdc_snapshot_duration_seconds');
ok(look() && $took && of('cdc_snapshot_duration_seconds') == $took, 'how long it took stays as it is');
is(of('cdc_pipeline_memory_limit_bytes'), 16 << 20, 'the limit');
is(of('cdc_pipeline_retries_total'), 0, 'no trouble so far');
is(of('cdc_sink_parked_events_total', sink => 'postgres'), 0, 'nothing is parked');
like($seen{ (grep { /^cdc_worker_info/ } keys %seen)[0] } // '', qr/^1$/, 'the version');
ok( wait_seen(
		sub { of('cdc_pipeline_confirmed_lsn_bytes') == sql("SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = 'measured'") }),
	'the confirmed position is the slot\'s');
cmp_ok(of('cdc_pipeline_received_lsn_bytes'), '>=', of('cdc_pipeline_confirmed_lsn_bytes'), 'no more than was received');
cmp_ok(of('cdc_sink_durable_lsn_bytes', sink => $_), '>=', of('cdc_pipeline_confirmed_lsn_bytes'), "$_ has it") foreach qw(postgres stdout);

# A table that is read again beside the stream.
is(of('cdc_snapshot_run_request'), undef, 'no table is read beside the stream');
set_gate($node, 'doc_gate', 'closed');
run_command([ $ENV{CDC_WORKER}, 'snapshot', 'start', '-c', $worker->{file}, '--table', 'public.doc' ]);
ok(wait_seen(sub { (of('cdc_snapshot_run_rows') // 0) >= 1000 }), 'a run is seen') or diag($worker->log, explain(\%seen));
is(of('cdc_snapshot_run_request'), sql("SELECT id FROM cdc_envelope.snapshot_signal WHERE state = 'running'"), 'under its request');
my $run_ratio = of('cdc_snapshot_run_completion_ratio');
ok($run_ratio > 0.2 && $run_ratio < 0.8, "$run_ratio of it is read");
my ($run_bytes, $run_expected) =
  split /\|/, sql("SELECT bytes_read, estimated_rows FROM cdc_envelope.snapshot_signal WHERE state = 'running'");
is(of('cdc_snapshot_run_bytes'),         $run_bytes,    'so many bytes of it were delivered');
is(of('cdc_snapshot_run_expected_rows'), $run_expected, 'of so many rows');
set_gate($node, 'doc_gate', 'open');
ok(wait_seen(sub { !defined of('cdc_snapshot_run_request') }), 'and ends');
is(of('cdc_snapshot_rows'), 3 * $rows + 100, 'its rows are counted');
is(of('cdc_snapshot_completion_ratio'), 1, 'the first snapshot stays whole');

# Trouble that passes.
ok(end_sessions($node, 'postgres', "SELECT pid FROM pg_stat_replication"), 'the stream is cut');
ok(wait_seen(sub { of('cdc_pipeline_retries_total') >= 1 && phase() eq 'streaming' }), 'a retry is counted') or diag($worker->log);

# Who is answered, and what.
is(ask($port, '/metrics')->{status}, 401, 'nobody without a login');
like(ask($port, '/metrics')->{headers}{'www-authenticate'}, qr/^Basic realm=/, 'is told how');
is(ask($port, '/metrics', login => $_)->{status}, 401, 'a wrong one') foreach "prometheus:$canary{metrics}x", 'prometheus:', "other:$canary{metrics}";
is(ask($port, $_, login => $login)->{status}, 404, "404: $_") foreach qw(/ /metricsx /metrics/ /metrics/x /../../etc/passwd);
is(ask($port, '/metrics', login => $login, method => $_)->{status}, 405, "405: $_") foreach qw(POST PUT DELETE HEAD);
is(ask($port, '/metricsx')->{status}, 404, 'without a login too');
SKIP:
{
	my $promtool = (grep { -x } map { "$_/promtool" } split /:/, $ENV{PATH})[0];
	skip 'promtool (Debian: prometheus) is not here, which would judge the names and the format too', 1 unless $promtool;
	look();
	my $text = ask($port, '/metrics', login => $login)->{content};
	my ($out, $err);
	IPC::Run::run([ $promtool, 'check', 'metrics' ], '<', \$text, '>', \$out, '2>', \$err);
	is($out . $err, '', 'promtool has nothing to say');
}

# Another one that is to listen there.
my %other = (%settings, name => 'other', sinks => [ { stdout => {} } ], metrics => { listen => "127.0.0.1:$port" });
my $other = CdcTest::Worker->new(%other)->start;
is($other->wait_exit, 2, 'a worker that can\'t listen ends');
like($other->log, qr/error +metrics: can't listen at 127\.0\.0\.1:$port: Address already in use \(hint: .*metrics\.listen/, 'and says why');
is(sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'other'"), 0, 'nothing was started');
$other->configure(%other, metrics => { listen => '[::1]:0' });
$other->start;
like($other->wait_log(qr{(can't listen at \[::1\]:0: .*|metrics at http://\[::1\]:\d+/metrics)}) // '', qr/./, 'IPv6 works, or is refused with the reason');
$other->running ? $other->stop : is($other->wait_exit, 2, 'and the exit code');

# On every address, without a password; a client that says nothing keeps no one from the others, nor from the end.
$other->configure(%other, metrics => { listen => '0.0.0.0:0' });
$other->start;
my $open = metrics_port($other);
like($other->log, qr/warning +metrics: whoever reaches 0\.0\.0\.0:$open over the network may read them: set metrics\.username/, 'it is warned about');
my $silent = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $open) // die "no connection: $!";
ok(scrape($open), 'whoever comes is answered');
ok(wait_slot_active($node, 'other'), 'it streams');
is($other->stop, 0, 'a clean stop with a client that hangs');
close($silent);
is($worker->stop, 0, 'a clean stop');

# Secrets.
foreach my $whose (sort keys %canary)
{
	my $text = $all_text . slurp_file($worker->{logfile}) . slurp_file($other->{logfile});
	unlike($text, qr/\Q$canary{$whose}\E/, "the secret of the $whose is nowhere to be seen");
}
done_testing();

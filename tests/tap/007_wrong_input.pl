# Wrong input gets a clear error, with a name and a way out, and loses nothing.
use strict;
use warnings;
use CdcTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = source_cluster(extension => 0);
$node->safe_psql('shop', 'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, \'one\')');
my %good = (name => 'wrong', dsn => dsn($node, 'shop'), sinks => [ postgres_sink($node) ]);

# run_wrong(name, exit code, patterns of the log, configuration…): starts it and expects it to give up.
sub run_wrong
{
	my ($name, $code, $patterns, %args) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $worker = CdcTest::Worker->new(%good, %args);
	$worker->configure_text($args{text}) if defined $args{text};
	$worker->start;
	is($worker->wait_exit(15), $code, "$name: exit code $code") or diag($worker->log);
	$worker->kill9 if $worker->pid;
	like($worker->log, $_, "$name: the message has $_") foreach @$patterns;
	unlike($worker->log, qr/terminate called|Assertion|std::/, "$name: no crash");
	return;
}

# keeps_trying(name, patterns, mend, configuration…): it says what is wrong, waits, and goes on when it is mended.
sub keeps_trying
{
	my ($name, $patterns, $mend, %args) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $worker = CdcTest::Worker->new(%good, %args)->start;
	foreach my $pattern (@$patterns)
	{
		ok($worker->wait_log($pattern, 15), "$name: the message has $pattern") or diag($worker->log);
	}
	ok($worker->running, "$name: keeps trying");
	$mend->($worker) if $mend;
	is($worker->stop(10), 0, "$name: stops cleanly");
	return;
}

# The plugin.
$node->safe_psql('shop', "SELECT pg_create_logical_replication_slot('by_hand', 'cdc_envelope')");
foreach my $wrong ([ 'no_such_option', '1', qr/no_such_option/ ], [ 'int8', 'text', qr/int8/ ], [ 'batch_bytes', '-5', qr/batch_bytes/ ],
	[ 'mask', 'broken', qr/mask/ ], [ 'evidence', '', qr/evidence/ ])
{
	my ($option, $value, $pattern) = @$wrong;
	my ($code, $out, $error) = $node->psql('shop',
		"SELECT * FROM pg_logical_slot_peek_changes('by_hand', NULL, NULL, '$option', '$value')");
	isnt($code, 0, "option $option = \"$value\" is refused");
	like($error, $pattern, "… by its name: " . ($error =~ /(ERROR:.*)/ ? $1 : $error));
}
is(one_value($node, 'shop', "SELECT count(*) FROM pg_logical_slot_peek_changes('by_hand', NULL, NULL)"),
	0, 'the slot is as usable as before');
$node->safe_psql('shop', "SELECT pg_drop_replication_slot('by_hand')");

# The database.
run_wrong('missing extension', 1, [ qr/cdc_envelope/, qr/CREATE EXTENSION cdc_envelope/ ]);
is(one_value($node, 'shop', 'SELECT count(*) FROM pg_replication_slots'), 0, 'missing extension: no slot is left behind');
$node->safe_psql('shop', 'CREATE EXTENSION cdc_envelope');

$node->safe_psql('shop', "SELECT pg_create_logical_replication_slot('wrong', 'test_decoding')");
run_wrong('slot of another plugin', 1, [ qr/"wrong"/, qr/test_decoding/, qr/cdc_envelope/ ]);
is(one_value($node, 'shop', "SELECT plugin FROM pg_replication_slots"), 'test_decoding', 'slot of another plugin: left alone');
$node->safe_psql('shop', "SELECT pg_drop_replication_slot('wrong')");

my $no_such = dsn($node, 'no_such_database');
run_wrong('missing database', 1, [qr/no_such_database/], dsn => $no_such);
$node->safe_psql('shop', 'CREATE ROLE plain LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain');
run_wrong('a role without REPLICATION', 1, [ qr/plain|replication/i, qr/REPLICATION/ ],
	dsn => dsn($node, 'shop') =~ s/user=\S+/user=plain/r);

# A password, which must not appear in any message.
my $secure = PostgreSQL::Test::Cluster->new('secure');
$secure->init(allows_streaming => 'logical');
$secure->start;
$secure->safe_psql('postgres', "CREATE ROLE cdc LOGIN REPLICATION PASSWORD 'right'");
append_to_file($secure->data_dir . '/pg_hba.conf', '');
my $hba = slurp_file($secure->data_dir . '/pg_hba.conf');
open(my $file, '>', $secure->data_dir . '/pg_hba.conf') or die $!;
print $file "local all cdc scram-sha-256\n$hba";
close($file);
$secure->reload;
run_wrong('wrong password', 1, [qr/password authentication failed for user "cdc"/],
	dsn => sprintf("host=%s port=%s user=cdc password=hunter2 dbname=postgres", $secure->host, $secure->port));
unlike(slurp_file(CdcTest::Worker->new(%good)->{logfile}), qr/hunter2/, 'wrong password: not in the log');

# The projection.
one_value($node, 'projection', 'CREATE TABLE t (id int PRIMARY KEY, v text)');
run_wrong('a projection table without our columns', 1, [ qr/"?public"?\."?t"?/, qr/_source_id/ ]);
is(one_value($node, 'shop', "SELECT count(*) FROM pg_replication_slots WHERE slot_name NOT LIKE 'wrong_snapshot_%'"), 0,
	'a projection table without our columns: no slot but the one that is kept for a snapshot that goes on');
one_value($node, 'projection', 'DROP TABLE t; DROP TABLE IF EXISTS projection_position, projection_ledger');

my $worker = CdcTest::Worker->new(%good)->start;
ok(wait_slot_active($node, 'wrong'), 'with everything right it runs') or diag($worker->log);
is($worker->stop, 0, 'a clean stop');
one_value($node, 'projection', 'ALTER TABLE t ALTER v TYPE int USING 0');
$node->safe_psql('shop', "INSERT INTO t VALUES (2, 'two')");
run_wrong('a projection column of another type', 1, [ qr/"?public"?\."?t"?/, qr/\bv\b/ ]);
one_value($node, 'projection', "ALTER TABLE t ALTER v TYPE text; UPDATE t SET v = 'one'");
$worker->start;
ok(wait_caught_up($node, 'wrong'), 'mended, it goes on where it was') or diag($worker->log);
same_rows($node, 't');
is($worker->stop, 0, 'a clean stop');

# Kafka.
my $port = PostgreSQL::Test::Cluster::get_free_port();
keeps_trying('unreachable broker', [ qr/127\.0\.0\.1:$port/ ], undef,
	sinks => [ { kafka => { brokers => "127.0.0.1:$port" } } ]);
run_wrong('a property that would break the guarantee', 1, [qr/enable\.idempotence/],
	sinks => [ { kafka => { embedded => \1, properties => { 'enable.idempotence' => 'false' } } } ]);
run_wrong('an unknown property', 1, [qr/no\.such\.property/],
	sinks => [ { kafka => { embedded => \1, properties => { 'no.such.property' => '1' } } } ]);

# The configuration file.
my $pipeline = "pipelines:\n  - name: wrong\n    source: {dsn: \"$good{dsn}\"}\n    sinks:\n      - stdout: {}\n";
run_wrong('broken YAML', 2, [qr/wrong\.yaml:\d+:\d+: /], text => "pipelines:\n  - name: [broken\n");
run_wrong('an unknown key', 2, [ qr/wrong\.yaml:4:\d+: .*snapshoot/, qr/snapshot/ ],
	text => $pipeline =~ s/    sinks/    snapshoot: never\n    sinks/r);
run_wrong('a missing key', 2, [qr/dsn/], text => $pipeline =~ s/dsn: ".*"//r);
run_wrong('an unset variable', 2, [qr/CDC_NOT_SET/], text => $pipeline =~ s/dbname=/password=\${CDC_NOT_SET} dbname=/r);
run_wrong('a bad unit', 2, [ qr/memory_limit/, qr/64 parsecs/ ], text => $pipeline . "    memory_limit: 64 parsecs\n");
{
	my ($out, $error) = run_command([ $ENV{CDC_WORKER}, 'run', '-c', '/nonexistent/worker.yaml' ]);
	like($error, qr{/nonexistent/worker\.yaml}, 'a missing file is named');
	($out, $error) = run_command([ $ENV{CDC_WORKER}, 'frobnicate' ]);
	like($error, qr/frobnicate/, 'an unknown subcommand is named');
}

# Nothing of all this has lost anything.
$node->safe_psql('shop', "INSERT INTO t VALUES (3, 'three')");
$worker = CdcTest::Worker->new(%good)->start;
ok(wait_caught_up($node, 'wrong'), 'the good configuration goes on') or diag($worker->log);
same_rows($node, 't');
is($worker->stop, 0, 'a clean stop');
done_testing();

# Sourced by the benchmarks that have Debezium as a peer: a Kafka Connect worker of one process (standalone), its connectors
# by REST, and the broker between. Everything is fetched through Maven into build/, once per pom.xml. Needs .ci/scratch.sh.

# fetch_jars NAME: the jars of bench/peers/NAME.xml, in build/peers/NAME.
fetch_jars() {
    local pom=$root/bench/peers/$1.xml place=$root/build/peers/$1 sum
    sum=$(sha256sum <"$pom")
    [ "$(cat "$place.sum" 2>/dev/null)" != "$sum" ] || return 0
    rm -rf "$place"
    mkdir -p "$place"
    mvn -B -q -f "$pom" dependency:copy-dependencies -DoutputDirectory="$place" -DincludeScope=runtime \
        -Dmdep.useBaseVersion=true >"$place.log" 2>&1 || { tail -n 5 "$place.log" >&2; return 1; }
    echo "$sum" >"$place.sum"
}

# A port that nothing listens on, below those that the kernel gives out by itself.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

# broker_start: sets $brokers and $broker_pid. The JVM with what Kafka's own start script gives it.
broker_start() {
    "$root/tests/tap/integration/kafka-broker" fetch "$root/build/kafka-broker"
    brokers=$(KAFKA_JVM="-Xms1g -Xmx1g -XX:+UseG1GC" \
        "$root/tests/tap/integration/kafka-broker" start "$root/build/kafka-broker" "$scratch/broker")
    broker_pid=$(cat "$scratch/broker/pid")
    scratch_pids+=("$broker_pid")
}

# connect_start: sets $connect_pid; CONNECT_CONVERTER_SCHEMAS=true for the JDBC sink, which can't do without.
connect_start() {
    fetch_jars connect
    fetch_jars jdbc-sink
    connect_port=$(free_port)
    mkdir -p "$scratch/connect/plugins"
    ln -s "$root/build/peers/jdbc-sink" "$scratch/connect/plugins/jdbc-sink"
    cat >"$scratch/connect/worker.properties" <<PROPERTIES
bootstrap.servers=$brokers
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=${CONNECT_CONVERTER_SCHEMAS:-false}
value.converter.schemas.enable=${CONNECT_CONVERTER_SCHEMAS:-false}
offset.storage.file.filename=$scratch/connect/offsets
offset.flush.interval.ms=5000
listeners=http://127.0.0.1:$connect_port
plugin.discovery=service_load
plugin.path=$scratch/connect/plugins
PROPERTIES
    java -Xms1g -Xmx1g -XX:+UseParallelGC -Dlog4j2.configurationFile="$root/tests/tap/integration/log4j2.properties" \
        -cp "$root/build/peers/connect/*" org.apache.kafka.connect.cli.ConnectStandalone "$scratch/connect/worker.properties" \
        >"$scratch/connect/log" 2>&1 </dev/null &
    connect_pid=$!
    scratch_pids+=("$connect_pid")
    await connect_answers "Kafka Connect did not start: $scratch/connect/log"
}
connect_answers() { connect_call GET connectors >/dev/null 2>&1; }

# await CONDITION MESSAGE: for two minutes; CONDITION is a command.
await() {
    local i
    for ((i = 0; i < 1200; i++)); do
        ! $1 || return 0
        sleep 0.1
    done
    echo "$2" >&2
    grep -E 'ERROR|Exception' "$scratch/connect/log" 2>/dev/null | tail -n 5 >&2 || true
    return 1
}

# connect_call METHOD PATH [JSON]
connect_call() {
    curl -fsS --noproxy '*' -X "$1" -H 'Content-Type: application/json' ${3:+-d "$3"} "http://127.0.0.1:$connect_port/$2"
}

# connector_put NAME KEY=VALUE…: makes the connector, or changes and restarts it.
connector_put() {
    local name=$1 json= pair
    shift
    for pair in "$@"; do
        json+=",\"${pair%%=*}\":\"${pair#*=}\""
    done
    connect_call PUT "connectors/$name/config" "{${json#,}}" >/dev/null
    connector_resume "$name"
    connector_await "$name" RUNNING
}
connector_stop() { connect_call PUT "connectors/$1/stop" && connector_await "$1" STOPPED; }
connector_resume() { connect_call PUT "connectors/$1/resume"; }
connector_delete() { connect_call DELETE "connectors/$1"; }

# connector_await NAME STATE: RUNNING is that of its task.
connector_await() { await "connector_is $1 $2" "connector $1 is not $2"; }
connector_is() {
    local status
    status=$(connect_call GET "connectors/$1/status" 2>/dev/null) || return 1
    case $2 in
    RUNNING) [[ $status =~ \"tasks\":\[\{[^]]*\"RUNNING\" ]] ;;
    *) [[ $status =~ \"connector\":\{[^}]*\"$2\" ]] ;;
    esac
}

# debezium_source NAME DATABASE TABLE KEY=VALUE…: topic NAME.TABLE from slot NAME through publication bench, without a snapshot.
debezium_source() {
    local name=$1 database=$2 table=$3
    shift 3
    connector_put "$name" connector.class=io.debezium.connector.postgresql.PostgresConnector tasks.max=1 plugin.name=pgoutput \
        database.hostname=127.0.0.1 "database.port=$source_port" database.user=postgres database.password=none \
        "database.dbname=$database" "topic.prefix=$name" "slot.name=$name" "publication.name=${publication:-bench}" \
        publication.autocreate.mode=disabled "table.include.list=$table" snapshot.mode=no_data \
        decimal.handling.mode=string tombstones.on.delete=false "$@"
}

# What Debezium's documentation and Kafka's advise where rate counts, and where latency does.
debezium_for_rate=(max.batch.size=8192 max.queue.size=32768 poll.interval.ms=50 producer.override.acks=all
    producer.override.linger.ms=10 producer.override.batch.size=524288 producer.override.compression.type=lz4
    producer.override.buffer.memory=134217728)
debezium_for_latency=(poll.interval.ms=1 producer.override.acks=all producer.override.linger.ms=0)
debezium_as_usual=(producer.override.acks=all)

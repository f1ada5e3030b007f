#include "session.h"

#include "json_writer.h"

namespace cdc {
namespace {

char* default_cluster() {
    if (cluster_name != nullptr && *cluster_name != '\0') return cluster_name;
    return psprintf(UINT64_FORMAT, GetSystemIdentifier());
}

char* make_database_prefix(const Options& options) {
    StringInfoData text;
    initStringInfo(&text);
    const char* const cluster = options.cluster != nullptr ? options.cluster : default_cluster();
    const char* const database = get_database_name(MyDatabaseId);
    append_raw(&text, "pg://");
    append_percent_encoded(&text, cluster, strlen(cluster));
    append_raw(&text, "/");
    append_percent_encoded(&text, database, strlen(database));
    return text.data;
}

Segment make_evidence(const Options& options, const char* projection) {
    char* const plain = psprintf("%s@projection:%s", options.source_commit, projection);
    char hex[kSha256HexLength + 1];
    StringInfoData text;
    initStringInfo(&text);
    append_raw(&text, ",\"evidence_id\":");
    if (options.evidence_literal) {
        json_append_string(&text, psprintf("sha256:%s", plain));
    } else {
        StringInfoData utf8;
        initStringInfo(&utf8);
        append_utf8(&utf8, plain, strlen(plain));
        sha256_hex(utf8.data, utf8.len, hex);
        append_raw(&text, "\"sha256:");
        append_raw(&text, hex);
        append_raw(&text, "\"");
    }
    append_raw(&text, "}");
    return make_segment(&text);
}

}  // namespace

Session* session_create(MemoryContext parent, Options* options, const char* default_projection) {
    MemoryContext context = AllocSetContextCreate(parent, "cdc_envelope session", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    auto* session = static_cast<Session*>(palloc0(sizeof(Session)));
    session->context = context;
    session->transaction_context =
        AllocSetContextCreate(context, "cdc_envelope transaction", ALLOCSET_DEFAULT_SIZES);
    session->value_context = AllocSetContextCreate(context, "cdc_envelope value", ALLOCSET_DEFAULT_SIZES);
    session->row_context = AllocSetContextCreate(context, "cdc_envelope row", ALLOCSET_DEFAULT_SIZES);
    session->policy_context =
        AllocSetContextCreate(context, "cdc_envelope slot policy", ALLOCSET_SMALL_SIZES);
    session->options = options;
    session->value_options = options->values;
    session->database_prefix = make_database_prefix(*options);
    const char* projection = options->projection != nullptr ? options->projection : default_projection;
    session->evidence = make_evidence(*options, projection != nullptr ? projection : "");
    const uint64 system = GetSystemIdentifier();
    sha256_hex(&system, sizeof(system), session->mask_salt);
    session->timestamp = value_encoder_create(TIMESTAMPTZOID, -1, session->value_options, context);
    MemoryContextSwitchTo(caller);
    return session;
}

void append_lsn(StringInfo out, XLogRecPtr lsn) {
    appendStringInfo(out, "\"%X/%X\"", static_cast<uint32>(lsn >> 32), static_cast<uint32>(lsn));
}

void append_time(const Session& session, StringInfo out, TimestampTz time) {
    (void)value_encode(session.timestamp, TimestampTzGetDatum(time), out);
}

void session_begin_transaction(Session* session, TimestampTz commit_time, XLogRecPtr commit_lsn,
                               TransactionId xid) {
    MemoryContextReset(session->transaction_context);
    MemoryContext caller = MemoryContextSwitchTo(session->transaction_context);
    StringInfoData stamp;
    initStringInfo(&stamp);
    append_raw(&stamp, ",\"ts_source\":");
    append_time(*session, &stamp, commit_time);
    append_raw(&stamp, ",\"commit_lsn\":");
    append_lsn(&stamp, commit_lsn);
    append_raw(&stamp, ",\"xid\":");
    append_uint64(&stamp, xid);
    append_raw(&stamp, ",\"seq\":");
    const uint64 serial = session->transaction.serial + 1;
    session->transaction = {make_segment(&stamp), 0, NIL, serial, false, false, nullptr, NIL};
    MemoryContextSwitchTo(caller);
}

}  // namespace cdc

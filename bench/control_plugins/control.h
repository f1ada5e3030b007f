/*
 * What the two control plugins have in common: the callbacks that do nothing, and the table of them. The includer defines
 * change().
 */
#include "postgres.h"

#include "fmgr.h"
#include "replication/logical.h"
#include "replication/output_plugin.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

static void change(LogicalDecodingContext *decoding, ReorderBufferTXN *txn, Relation relation,
				   ReorderBufferChange *change);

static void
startup(LogicalDecodingContext *decoding, OutputPluginOptions *options, bool is_init)
{
	options->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
}

static void
begin(LogicalDecodingContext *decoding, ReorderBufferTXN *txn)
{
}

static void
commit(LogicalDecodingContext *decoding, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
}

void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	callbacks->startup_cb = startup;
	callbacks->begin_cb = begin;
	callbacks->change_cb = change;
	callbacks->commit_cb = commit;
}

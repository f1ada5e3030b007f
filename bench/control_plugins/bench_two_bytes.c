/*
 * A logical decoding output plugin that writes two bytes per change, in a message of their own: what one protocol
 * message per change costs, whatever is in it.
 */
#include "control.h"

static void
change(LogicalDecodingContext *decoding, ReorderBufferTXN *txn, Relation relation, ReorderBufferChange *change)
{
	OutputPluginPrepareWrite(decoding, true);
	appendBinaryStringInfo(decoding->out, "{}", 2);
	OutputPluginWrite(decoding, true);
}

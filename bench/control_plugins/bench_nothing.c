/*
 * A logical decoding output plugin that does nothing: what reading WAL and putting transactions together costs by
 * themselves. No plugin can be cheaper.
 */
#include "control.h"

static void
change(LogicalDecodingContext *decoding, ReorderBufferTXN *txn, Relation relation, ReorderBufferChange *change)
{
}

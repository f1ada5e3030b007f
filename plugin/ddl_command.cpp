// cdc_envelope.changes_columns(): whether a command of an event trigger may have changed which columns a
// table has, or only what holds for them: its constraints, indexes and settings.
//
// Thread: the backend of the DDL. The command is PostgreSQL's own parse tree of it, and stays so.

#include "postgres_api.h"

extern "C" {
PG_FUNCTION_INFO_V1(cdc_envelope_changes_columns);
PGDLLEXPORT Datum cdc_envelope_changes_columns(PG_FUNCTION_ARGS);
}

namespace cdc {
namespace {

bool any_alters_columns(const List* parts) {
    ListCell* cell;
    foreach (cell, parts) {
        const Node* const part = static_cast<const CollectedATSubcmd*>(lfirst(cell))->parsetree;
        if (IsA(part, AlterTableCmd) && alters_columns(reinterpret_cast<const AlterTableCmd*>(part)->subtype))
            return true;
    }
    return false;
}

// Of the commands that event triggers are shown whole, those that a dump has after the rows and that concern
// a table.
bool leaves_columns(const Node* command) {
    return IsA(command, IndexStmt) || IsA(command, CommentStmt) || IsA(command, SecLabelStmt) ||
           IsA(command, AlterOwnerStmt);
}

bool changes_columns(const CollectedCommand& command) {
    if (command.type == SCT_AlterTable) return any_alters_columns(command.d.alterTable.subcmds);
    return command.type != SCT_Simple || !leaves_columns(command.parsetree);
}

}  // namespace
}  // namespace cdc

Datum cdc_envelope_changes_columns(PG_FUNCTION_ARGS) {
    PG_RETURN_BOOL(cdc::changes_columns(*reinterpret_cast<const CollectedCommand*>(PG_GETARG_POINTER(0))));
}

#include "row_filter.h"

#include <type_traits>

namespace cdc {
namespace {

// The expressions of one set of publications.
struct Condition {
    TupleTableSlot* slot;  // a row as the expressions know it: of the table itself, or of one above it
    int* from;             // its columns: index in the table's own values, or -1
    ExprState* when[3];    // by change; null: every row passes
};

}  // namespace

struct RowFilter {
    TupleDesc descriptor;  // the table's, a copy
    EState* executor;
    List* conditions;  // of Condition*: a row has to pass each
};

static_assert(std::is_trivially_destructible_v<RowFilter> && std::is_trivially_destructible_v<Condition>,
              "longjmp runs no destructor");

namespace {

Expr* any_of(const List* trees) {
    List* expressions = NIL;
    ListCell* cell;
    foreach (cell, trees)
        expressions = lappend(expressions, stringToNode(static_cast<const char*>(lfirst(cell))));
    return make_orclause(expressions);
}

bool is_filtered(const PublishedRows& rows) {
    return rows.when[0] != NIL || rows.when[1] != NIL || rows.when[2] != NIL;
}

// The expressions' columns by name: a partition has those of its root, under numbers of its own.
int* columns_from(TupleDesc shown, TupleDesc own) {
    auto* from = static_cast<int*>(palloc(sizeof(int) * static_cast<Size>(Max(shown->natts, 1))));
    for (int i = 0; i < shown->natts; ++i) {
        const FormData_pg_attribute& column = *TupleDescAttr(shown, i);
        from[i] = -1;
        for (int j = 0; j < own->natts && !column.attisdropped; ++j) {
            const FormData_pg_attribute& candidate = *TupleDescAttr(own, j);
            if (!candidate.attisdropped &&
                namestrcmp(const_cast<Name>(&candidate.attname), NameStr(column.attname)) == 0)
                from[i] = j;
        }
    }
    return from;
}

Condition* compile(const PublishedRows& rows, const RowFilter& filter) {
    auto* condition = static_cast<Condition*>(palloc0(sizeof(Condition)));
    Relation relation = RelationIdGetRelation(rows.relid);
    if (relation == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("table %u with a row filter does not exist", rows.relid)));
    }
    TupleDesc descriptor = CreateTupleDescCopyConstr(RelationGetDescr(relation));
    RelationClose(relation);
    condition->slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsVirtual);
    condition->from = columns_from(descriptor, filter.descriptor);
    for (int i = 0; i < 3; ++i) {
        if (rows.when[i] != NIL) condition->when[i] = ExecPrepareExpr(any_of(rows.when[i]), filter.executor);
    }
    return condition;
}

// values as the condition's table has them. A value that is not in the WAL is missing, like one of a column
// that is not in an old image.
void fill(const Condition& condition, const RowFilter& filter, const RowValues& row,
          const RowValues* fallback) {
    TupleTableSlot* const slot = condition.slot;
    ExecClearTuple(slot);
    for (int i = 0; i < slot->tts_tupleDescriptor->natts; ++i) {
        const int from = condition.from[i];
        slot->tts_isnull[i] = from < 0 || row.nulls[from];
        if (slot->tts_isnull[i]) continue;
        slot->tts_values[i] = row.values[from];
        if (!is_unchanged_toast(filter.descriptor, from, row.values[from])) continue;
        slot->tts_isnull[i] = fallback == nullptr || fallback->nulls[from] ||
                              is_unchanged_toast(filter.descriptor, from, fallback->values[from]);
        if (!slot->tts_isnull[i]) slot->tts_values[i] = fallback->values[from];
    }
    ExecStoreVirtualTuple(slot);
}

// Null counts as false, as in WHERE.
bool matches(const RowFilter& filter, RowChange change, const RowValues& row, const RowValues* fallback) {
    ListCell* cell;
    foreach (cell, filter.conditions) {
        const auto* condition = static_cast<const Condition*>(lfirst(cell));
        ExprState* const expression = condition->when[static_cast<int>(change)];
        if (expression == nullptr) continue;
        fill(*condition, filter, row, fallback);
        ExprContext* const context = GetPerTupleExprContext(filter.executor);
        ResetExprContext(context);
        context->ecxt_scantuple = condition->slot;
        bool null = false;
        const Datum result = ExecEvalExprSwitchContext(expression, context, &null);
        if (null || !DatumGetBool(result)) return false;
    }
    return true;
}

}  // namespace

RowFilter* row_filter_compile(const List* rows, Relation relation) {
    RowFilter* filter = nullptr;
    ListCell* cell;
    foreach (cell, rows) {
        const auto* published = static_cast<const PublishedRows*>(lfirst(cell));
        if (!is_filtered(*published)) continue;
        if (filter == nullptr) {
            filter = static_cast<RowFilter*>(palloc0(sizeof(RowFilter)));
            filter->descriptor = CreateTupleDescCopyConstr(RelationGetDescr(relation));
            filter->executor = CreateExecutorState();
        }
        filter->conditions = lappend(filter->conditions, compile(*published, *filter));
    }
    return filter;
}

bool row_filter_passes(RowFilter* filter, RowChange* change, const RowValues* before,
                       const RowValues* after) {
    if (before == nullptr && after == nullptr) return true;  // a delete that the WAL has no row of
    if (before == nullptr || after == nullptr)
        return matches(*filter, *change, before != nullptr ? *before : *after, nullptr);
    const bool was = matches(*filter, *change, *before, nullptr);
    const bool is = matches(*filter, *change, *after, before);
    if (was != is) *change = is ? RowChange::insert : RowChange::remove;
    return was || is;
}

char* row_filter_sql(const List* rows) {
    StringInfoData sql;
    initStringInfo(&sql);
    ListCell* cell;
    foreach (cell, rows) {
        const auto* published = static_cast<const PublishedRows*>(lfirst(cell));
        if (published->always == NIL) continue;
        List* const columns = deparse_context_for(get_rel_name(published->relid), published->relid);
        char* const condition =
            deparse_expression(reinterpret_cast<Node*>(any_of(published->always)), columns, false, false);
        appendStringInfo(&sql, "%s(%s)", sql.len > 0 ? " AND " : "", condition);
    }
    return sql.len > 0 ? sql.data : nullptr;
}

}  // namespace cdc

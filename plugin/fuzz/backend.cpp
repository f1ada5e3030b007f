#include "backend.h"

#include <algorithm>
#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <unordered_set>

#include "jsonb_text.h"

namespace fuzz {

namespace {

// Never destroyed: what is in it at the end of the process is no leak.
std::unordered_set<void*>& allocations = *new std::unordered_set<void*>;
int database_encoding = PG_UTF8;
jmp_buf* handler = nullptr;
std::string error_message;

void* keep(void* memory) {
    allocations.insert(memory);
    return memory;
}

}  // namespace

void begin_run(int encoding) {
    std::for_each(allocations.begin(), allocations.end(), free);
    allocations.clear();
    database_encoding = encoding;
}

bool raises(void (*call)(void*), void* argument) {
    jmp_buf here;
    handler = &here;
    const bool raised = setjmp(here) != 0;
    if (!raised) call(argument);
    handler = nullptr;
    return raised;
}

const std::string& last_error() {
    return error_message;
}

void expect(bool holds, const char* oracle) {
    if (holds) return;
    fprintf(stderr, "the oracle does not hold: %s\n", oracle);
    abort();
}

}  // namespace fuzz

// The server's side, as it is declared in the headers behind postgres_api.h.
extern "C" {

MemoryContext CurrentMemoryContext = nullptr;

void* palloc(Size size) {
    if (size > MaxAllocSize) elog(ERROR, "invalid memory alloc request size %zu", size);
    return fuzz::keep(malloc(size));
}

void* palloc0(Size size) {
    return memset(palloc(size), 0, size);
}

void* MemoryContextAllocZero(MemoryContext, Size size) {
    return palloc0(size);
}

void* repalloc(void* pointer, Size size) {
    fuzz::expect(fuzz::allocations.erase(pointer) == 1, "repalloc of what was allocated");
    return fuzz::keep(realloc(pointer, size));
}

void pfree(void* pointer) {
    fuzz::expect(fuzz::allocations.erase(pointer) == 1, "pfree of what was allocated");
    free(pointer);
}

char* pstrdup(const char* text) {
    const size_t size = strlen(text) + 1;
    return static_cast<char*>(memcpy(palloc(size), text, size));
}

List* lappend(List* list, void* datum) {
    if (list == NIL) {
        list = static_cast<List*>(palloc0(sizeof(List)));
        list->type = T_List;
    }
    const auto size = static_cast<Size>(list->length + 1) * sizeof(ListCell);
    list->elements =
        static_cast<ListCell*>(list->elements == nullptr ? palloc(size) : repalloc(list->elements, size));
    list->elements[list->length++].ptr_value = datum;
    return list;
}

bool errstart(int level, const char*) {
    return level >= ERROR;
}

bool errstart_cold(int level, const char*) {
    return level >= ERROR;
}

int errcode(int) {
    return 0;
}

// Every text is formatted, since reading it is what may go wrong.
static void format(std::string* target, const char* text, va_list arguments) {
    char buffer[65536];
    vsnprintf(buffer, sizeof(buffer), text, arguments);
    *target = buffer;
}

int errmsg(const char* text, ...) {
    va_list arguments;
    va_start(arguments, text);
    format(&fuzz::error_message, text, arguments);
    va_end(arguments);
    return 0;
}

int errmsg_internal(const char* text, ...) __attribute__((alias("errmsg")));

int errhint(const char* text, ...) {
    std::string hint;
    va_list arguments;
    va_start(arguments, text);
    format(&hint, text, arguments);
    va_end(arguments);
    return 0;
}

void errfinish(const char*, int, const char*) {
    fuzz::expect(fuzz::handler != nullptr, "nothing is raised that is not expected to");
    longjmp(*fuzz::handler, 1);
}

int GetDatabaseEncoding() {
    return fuzz::database_encoding;
}

bool IsTransactionState() {
    return true;
}

// LATIN1's conversion is the only one here; SQL_ASCII and UTF8 have none.
Oid FindDefaultConversion(Oid, int32 encoding, int32) {
    return encoding == PG_LATIN1 ? 1 : InvalidOid;
}

// latin1_to_utf8 of the server: a byte is the character of its number.
int pg_do_encoding_conversion_buf(Oid, int, int, unsigned char* source, int length, unsigned char* target,
                                  int size, bool) {
    int done = 0;
    for (; done < length && size > 2; ++done, size -= 2) {
        *target++ = static_cast<unsigned char>(0xC0 | source[done] >> 6);
        *target++ = static_cast<unsigned char>(0x80 | (source[done] & 0x3F));
    }
    *target = '\0';
    return done;
}

// No value here is compressed or out of line: the decoder's caller has seen to the one, the other is a
// datum like any.
struct varlena* pg_detoast_datum_packed(struct varlena* datum) {
    return datum;
}
}

// jsonb's binary form is read by the server's own iterator, which is not here: no target has an encoder for
// it.
bool cdc::append_jsonb_document(Datum, JsonbSpacing, StringInfo, int) {
    fuzz::expect(false, "no jsonb");
    return false;
}

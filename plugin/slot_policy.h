// What a slot may emit, as the owner of cdc_envelope.slot_policy says: the slot's own row, else the row of
// "*", else everything. Options only narrow it (capture.h).
//
// It is read as it is now, not as it was at the change, since it has to protect the WAL that was written
// before it too: at the start of a session, and again before the first transaction that is replayed after a
// change of the policy (docs/decisions/0121). Thread: the backend or walsender, never in the middle of a
// replay, where the historic snapshot would answer. Ownership: CurrentMemoryContext. Failure: ERROR where the
// policy can't be understood, and then nothing is sent.
#pragma once

#include "options.h"

namespace cdc {

struct SlotPolicy {
    char* row;  // whose row it is: the slot's name or *
    Rules rules;
    Messages messages;  // the most that may be sent
    bool statements;    // s events carry the text of the command
};

// The policy that holds for a slot; null where there is none. Takes no lock; a query has to keep DROP
// EXTENSION away by other means.
SlotPolicy* slot_policy_read(const char* slot);

// Grows with each change of the policy that this process has heard of. What was read under another number may
// be out of date.
uint64 slot_policy_generation();

}  // namespace cdc

// Reading an array's elements in storage order, without a copy of any of them.
//
// Ownership: nothing is allocated; a walk holds while its array does. Thread: the backend or walsender that
// decodes. Failure: none, but for catalogue lookups in array_element_type.
#pragma once

#include "postgres_api.h"

namespace cdc {

struct ElementLayout {
    int16 length;
    bool by_value;
    char alignment;
};

struct ElementWalk {
    const ArrayType* array;
    char* data;  // of the next element that is not null
    int index;   // of the next element
};

// The element type of a true array, else InvalidOid. int2vector and oidvector are arrays to the catalogue,
// but count from 0 and have a text form of their own.
inline Oid array_element_type(Oid type) {
    return type == INT2VECTOROID || type == OIDVECTOROID ? InvalidOid : get_element_type(type);
}

// True where every dimension counts from 1, as a JSON array does when it is read.
inline bool starts_at_one(const ArrayType* array) {
    for (int i = 0; i < ARR_NDIM(array); ++i) {
        if (ARR_LBOUND(array)[i] != 1) return false;
    }
    return true;
}

inline ElementWalk walk_start(const ArrayType* array) {
    return {array, ARR_DATA_PTR(array), 0};
}

// Reads the next element; false where it is null.
inline bool walk_next(ElementWalk& walk, const ElementLayout& layout, Datum* element) {
    const bits8* not_null = ARR_NULLBITMAP(walk.array);
    const int index = walk.index++;
    if (not_null != nullptr && (not_null[index / 8] & (1 << (index % 8))) == 0) return false;
    *element = fetch_att(walk.data, layout.by_value, layout.length);
    walk.data = att_addlength_pointer(walk.data, layout.length, walk.data);
    walk.data = reinterpret_cast<char*>(att_align_nominal(walk.data, layout.alignment));
    return true;
}

}  // namespace cdc

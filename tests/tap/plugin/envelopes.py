#!/usr/bin/env python3
"""Reads a file of envelopes as strictly as RFC 8259 and 3629 have it and counts them: envelopes.py FILE

Prints a line KIND<tab>SCHEMA.TABLE<tab>COUNT for each kind of event of each table, in order of the bytes. Ends with 1 at
the first line that is not one JSON object in UTF-8, or whose head is not in order, and says which.
"""
import json
import sys
from collections import Counter

HEAD = ["source_id", "schema_version", "op_type", "ts_source", "commit_lsn", "xid", "seq", "schema", "table"]


def refuse_constant(word):
    raise ValueError(f"{word} is no JSON")


def members(pairs):
    """An object; a name that comes twice may only be a user's (json keeps those)."""
    return dict(pairs)


def check(event, place):
    """place: the transaction and the number of its next event."""
    names = [name for name in event if name not in ("old_source_id", "partition")]
    if names[: len(HEAD)] != HEAD or names[-1] != "evidence_id":
        raise ValueError(f"fields out of order: {list(event)}")
    if event["op_type"] not in "cudtsm" or len(event["op_type"]) != 1:
        raise ValueError(f"op_type {event['op_type']!r}")
    transaction = (event["commit_lsn"], event["xid"])
    expected = place[1] if place[0] == transaction else 0
    if event["seq"] != expected:
        raise ValueError(f"seq {event['seq']} where {expected} is next")
    return transaction, expected + 1


def main(path):
    decoder = json.JSONDecoder(parse_constant=refuse_constant, object_pairs_hook=members, strict=True)
    counts = Counter()
    place = (None, 0)
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                event = decoder.decode(line.decode("utf-8", "strict"))
                place = check(event, place)
            except (ValueError, KeyError, RecursionError) as error:
                sys.exit(f"line {number}: {error}: {line[:2000]!r}")
            # DDL that no event trigger ran for is in no row of the history: a kind of its own
            kind = "unrecorded" if event.get("ddl", {}).get("unrecorded") else event["op_type"]
            counts[kind, f"{event['schema']}.{event['table']}"] += 1
    for (kind, table), count in sorted(counts.items()):
        print(kind, json.dumps(table, ensure_ascii=False), count, sep="\t")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    main(sys.argv[1])

-- Values longer than max_value_bytes are left out and named; the length that counts is that of the JSON text.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
\set limited 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p'', ''max_value_bytes=1000''])'
CREATE TYPE pair AS (a text, b text);
CREATE TABLE large (
    id int PRIMARY KEY, t text, x bytea, j json, b jsonb, a text[], n numeric[], c pair, r numrange, bits varbit
);
-- texts of 1000 bytes with their quotes, then of 1001
INSERT INTO large VALUES (1, repeat('x', 998)), (2, repeat('x', 999)), (3, repeat('"', 499)), (4, repeat('"', 499) || 'x');
INSERT INTO large (id, x) SELECT 5, decode(repeat('ab', 497), 'hex');
INSERT INTO large (id, x) SELECT 6, decode(repeat('ab', 498), 'hex');
INSERT INTO large (id, j) VALUES (7, ('[ "' || repeat('j', 996) || '" ]')::json), (8, ('["' || repeat('j', 997) || '"]')::json);
INSERT INTO large (id, b) VALUES (9, ('[ "' || repeat('j', 996) || '" ]')::jsonb), (10, ('["' || repeat('j', 997) || '"]')::jsonb);
INSERT INTO large (id, a) VALUES (11, ARRAY[repeat('a', 996)]), (12, ARRAY[repeat('a', 997)]), (13, array_fill('a'::text, ARRAY[250])),
    (14, array_fill('a'::text, ARRAY[249], ARRAY[0]));
-- eight bytes may be 131,001 digits
INSERT INTO large (id, n, r) VALUES (15, ARRAY[1e131000], NULL), (16, array_fill(1e131000, ARRAY[3], ARRAY[0]), numrange(1e131000, NULL));
INSERT INTO large (id, c) VALUES (17, (repeat('c', 980), '')), (18, (repeat('c', 490), repeat('c', 497)));
INSERT INTO large (id, bits) SELECT 19, repeat('1', 998)::varbit;
INSERT INTO large (id, bits) SELECT 20, repeat('1', 999)::varbit;
SELECT id, (:limited)::json -> 'oversize', length((:limited)::json ->> 'after') FROM large rec ORDER BY id;
SELECT :limited FROM large rec WHERE id IN (2, 16) ORDER BY id;

-- out of line and compressed or not, the answer is the same
CREATE TABLE toasted (id int PRIMARY KEY, t text);
ALTER TABLE toasted ALTER t SET STORAGE EXTERNAL;
INSERT INTO toasted VALUES (1, repeat('t', 100000)), (2, repeat('t', 998));
SELECT id, (:limited)::json -> 'oversize', length(:limited) < 2000 FROM toasted rec ORDER BY id;
SELECT length(:after ->> 't') FROM toasted rec ORDER BY id;
DROP TABLE large, toasted;
DROP TYPE pair;

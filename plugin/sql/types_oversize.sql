-- Values longer than max_value_bytes are left out and named; the length that counts is that of the JSON text.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
\set limited 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p'', ''max_value_bytes=1024''])'
CREATE TYPE pair AS (a text, b text);
CREATE TABLE large (
    id int PRIMARY KEY, t text, x bytea, j json, b jsonb, a text[], n numeric[], c pair, r numrange, bits varbit
);
-- texts of 1024 bytes with their quotes, then of 1025
INSERT INTO large VALUES (1, repeat('x', 1022)), (2, repeat('x', 1023)), (3, repeat('"', 511)), (4, repeat('"', 511) || 'x');
INSERT INTO large (id, x) SELECT 5, decode(repeat('ab', 509), 'hex');
INSERT INTO large (id, x) SELECT 6, decode(repeat('ab', 510), 'hex');
INSERT INTO large (id, j) VALUES (7, ('[ "' || repeat('j', 1020) || '" ]')::json), (8, ('["' || repeat('j', 1021) || '"]')::json);
INSERT INTO large (id, b) VALUES (9, ('[ "' || repeat('j', 1020) || '" ]')::jsonb), (10, ('["' || repeat('j', 1021) || '"]')::jsonb);
INSERT INTO large (id, a) VALUES (11, ARRAY[repeat('a', 1020)]), (12, ARRAY[repeat('a', 1021)]), (13, array_fill('a'::text, ARRAY[255])),
    (14, array_fill('a'::text, ARRAY[256])),
    (21, array_fill('a'::text, ARRAY[506], ARRAY[0])), (22, array_fill('a'::text, ARRAY[507], ARRAY[0]));
-- eight bytes may be 131,001 digits
INSERT INTO large (id, n, r) VALUES (15, ARRAY[1e131000], NULL), (16, array_fill(1e131000, ARRAY[3], ARRAY[0]), numrange(1e131000, NULL));
INSERT INTO large (id, c) VALUES (17, (repeat('c', 490), repeat('c', 519))), (18, (repeat('c', 490), repeat('c', 520)));
INSERT INTO large (id, bits) SELECT 19, repeat('1', 1022)::varbit;
INSERT INTO large (id, bits) SELECT 20, repeat('1', 1023)::varbit;
SELECT id, (:limited)::json -> 'oversize', length((:limited)::json ->> 'after') FROM large rec ORDER BY id;
SELECT :limited FROM large rec WHERE id IN (2, 16) ORDER BY id;

-- out of line and compressed or not, the answer is the same
CREATE TABLE toasted (id int PRIMARY KEY, t text);
ALTER TABLE toasted ALTER t SET STORAGE EXTERNAL;
INSERT INTO toasted VALUES (1, repeat('t', 100000)), (2, repeat('t', 1022));
SELECT id, (:limited)::json -> 'oversize', length(:limited) < 2000 FROM toasted rec ORDER BY id;
SELECT length(:after ->> 't') FROM toasted rec ORDER BY id;
DROP TABLE large, toasted;
DROP TYPE pair;

-- Text: escapes, padding, names, enums, bytea and uuid.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE TYPE mood AS ENUM ('sad', 'o"k', 'a,b', 'ünïcode');
CREATE DOMAIN label AS varchar(20) CHECK (VALUE <> 'forbidden');
CREATE TABLE texts (
    id  int PRIMARY KEY,
    t   text,
    v   varchar(40),
    c   char(6),
    n   name,
    q   "char",
    e   mood,
    l   label,
    x   bytea,
    u   uuid
);
INSERT INTO texts VALUES
    (1, 'plain', 'plain', 'ab', 'pg_class', 'c', 'sad', 'a label', '\x00ff10', '550E8400-E29B-41D4-A716-446655440000'),
    (2, '', '', '', '', '', 'o"k', '', '', NULL),
    (3, E'quote " backslash \\ slash /', E'\b\f\n\r\t', E'"\\', E'"\\', '"', 'a,b', E'\n', '\x5c22', NULL),
    (4, E'\x01\x02\x1e\x1f\x7f', E'\u2028\u2029', 'é', 'ñandú', '\', 'ünïcode', '日本語', NULL, NULL),
    (5, 'emoji 😀 combining é rtl ‏אב', E'\uFEFFbom', '€', NULL, NULL, NULL, NULL, NULL, NULL),
    (6, 'null', 'NULL', 'null', 'null', NULL, NULL, 'true', NULL, NULL),
    (7, '{"json": [1]}', '[1,2]', '1', '1', '1', NULL, '1', NULL, NULL),
    (8, E'eight b"', E'1234567"', E'12345\n', E'12345678"', NULL, NULL, E'12345678\\', NULL, NULL);
SELECT :event FROM texts rec ORDER BY id;

-- an escape at every position of a long text, against PostgreSQL's own escaping
CREATE TABLE positions (t text);
INSERT INTO positions
SELECT repeat('x', before) || chr(c) || repeat('y', after)
FROM generate_series(0, 17) before, generate_series(0, 9) after,
     unnest(ARRAY[1, 8, 9, 10, 12, 13, 31, 32, 34, 47, 92, 127, 128, 233, 8232, 65533, 128512]) c;
SELECT count(*) FROM positions rec WHERE (:after -> 't')::text IS DISTINCT FROM to_json(rec.t)::text;
SELECT count(*) FROM positions;

-- bytea_output has no say
SET bytea_output = escape;
SELECT :after ->> 'x' FROM texts rec WHERE id <= 3 ORDER BY id;
RESET bytea_output;

-- a renamed and an added label are seen at once
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
ALTER TYPE mood ADD VALUE 'glad';
UPDATE texts SET e = 'glad' WHERE id = 2;
SELECT :after ->> 'e' FROM texts rec WHERE id <= 2 ORDER BY id;

-- every row comes back
SELECT id FROM texts rec WHERE json_populate_record(NULL::texts, :after)::text IS DISTINCT FROM rec::text;
SELECT id FROM texts rec WHERE jsonb_populate_record(NULL::texts, (:after)::jsonb)::text IS DISTINCT FROM rec::text;
DROP TABLE texts, positions;
DROP TYPE mood;
DROP DOMAIN label;

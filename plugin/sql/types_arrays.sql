-- Arrays: JSON arrays, nested per dimension; their text where JSON would not read back.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE DOMAIN intlist AS int[];
CREATE TYPE mood AS ENUM ('sad', 'o"k');
CREATE TABLE lists (
    id   int PRIMARY KEY,
    i    int[],
    t    text[],
    n    numeric[],
    ts   timestamptz[],
    f    float8[],
    x    bytea[],
    m    mood[],
    j    jsonb[],
    jj   json[],
    l    intlist,
    ll   intlist[],
    r    int4range[],
    box  box[]
);
INSERT INTO lists (id, i, t) VALUES
    (1, '{}', '{}'),
    (2, '{1,2,NULL}', '{a,NULL,"NULL","",",","{}","\"","\\"}'),
    (3, '{{1,2},{3,NULL}}', '{{{a},{b}},{{c},{d}}}'),
    (4, '{{{{{{1}}}}}}', '{NULL}'),
    (5, '[0:1]={1,2}', '[-2:1]={a b,NULL,"NULL","q\"b\\"}'),
    (6, '[2:3][1:1]={{1},{2}}', '[1:2]={x,y}');
INSERT INTO lists VALUES
    (7, '{2147483647,-2147483648}', '{"a\nb\u0041",😀}', '{1.50,NaN,-0.50}', '{2026-02-07 05:55:21+00,infinity,NULL}',
     '{1.5,NaN,-1.5e-7,1e300}', '{"\\x00ff",NULL}', '{sad,"o\"k"}', '{"{\"a\": [1, 2]}",NULL,null,"[]"}', '{"{\"a\" : 1}","[ ]"}',
     '{1,2}', NULL, '{"[1,5)",empty,NULL}', '{(1,1),(0,0);(3,3),(2,2)}'),
    (8, NULL, NULL, '[0:0]={1.50}', '[0:0]={2026-02-07 05:55:21+00}', '[0:0]={0.1}', '[0:0]={"\\x00ff"}',
     '[0:1]={sad,"o\"k"}', '[0:0]={"{\"a\": 1}"}', '{}', '[5:6]={1,2}', NULL, '[0:0]={"[1,5)"}', '[0:0]={(1,1),(0,0)}');
UPDATE lists SET ll = ARRAY[i::intlist, '{3}'::intlist] WHERE id = 7;
SELECT :event FROM lists rec ORDER BY id;

-- a literal is what the type's own output says, under fixed settings
CREATE TABLE plain AS SELECT id, (:event) AS event FROM lists rec;
SET timezone = 'Asia/Kathmandu';
SET datestyle = 'German, DMY';
SET bytea_output = escape;
SET extra_float_digits = -10;
SELECT id FROM lists rec JOIN plain USING (id) WHERE :event <> event;
RESET timezone;
RESET datestyle;
RESET bytea_output;
RESET extra_float_digits;

-- every row comes back
SELECT id FROM lists rec WHERE json_populate_record(NULL::lists, :after)::text IS DISTINCT FROM rec::text;
SELECT id FROM lists rec WHERE jsonb_populate_record(NULL::lists, (:after)::jsonb)::text IS DISTINCT FROM rec::text;
DROP TABLE lists, plain;
DROP TYPE mood;
DROP DOMAIN intlist;

-- needs PostgreSQL 14
-- What came with PostgreSQL 14: multiranges, and a numeric's infinities.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE TYPE textrange AS RANGE (subtype = text, multirange_type_name = textranges);
CREATE TABLE newer (
    id   int PRIMARY KEY,
    n    numeric,
    n_a  numeric[],
    mr   int4multirange,
    nmr  nummultirange,
    dmr  datemultirange,
    tmr  tstzmultirange,
    xmr  textranges,
    mr_a int4multirange[]
);
SET timezone = 'UTC';
INSERT INTO newer VALUES
    (1, 'Infinity', '{1.50,NaN,-Infinity}', '{[1,2),[5,)}', '{[1.50,2.0],(3,Infinity]}', '{[2026-01-01,2026-02-01)}',
     '{[2026-02-07 05:55:21+00,2026-02-08 00:00:00+00)}', '{["a b","c\"d"]}', '{"{[1,2),[3,4)}",NULL,"{}"}'),
    (2, '-Infinity', '{}', '{}', '{(,)}', '{(,2026-01-01)}', '{[infinity,)}', '{}', '[0:0]={"{[1,2)}"}'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT :event FROM newer rec ORDER BY id;

-- settings of the session have no say
CREATE TABLE plain AS SELECT id, (:event) AS event FROM newer rec;
SET timezone = 'Asia/Kathmandu';
SET datestyle = 'German, DMY';
SELECT id FROM newer rec JOIN plain USING (id) WHERE :event <> event;
RESET timezone;
RESET datestyle;

-- every row comes back, to the last bit
SELECT id FROM newer rec WHERE record_send(json_populate_record(NULL::newer, :after)) IS DISTINCT FROM record_send(rec);
SELECT id FROM newer rec WHERE record_send(jsonb_populate_record(NULL::newer, (:after)::jsonb)) IS DISTINCT FROM record_send(rec);
DROP TABLE newer, plain;
DROP TYPE textrange;

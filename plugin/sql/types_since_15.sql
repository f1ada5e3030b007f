-- needs PostgreSQL 15
-- Intervals of more hours than fit 32 bits, which earlier releases can't read.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE TABLE long (id int PRIMARY KEY, i interval, i_a interval[]);
INSERT INTO long VALUES
    (1, 'P-178956970Y-8M-2147483647DT-2562047788H-54.775808S', '{P178956970Y7M2147483646DT2562047788H54.775806S}'),
    (2, 'P178956970Y7M2147483646DT2562047788H54.775806S', '[0:0]={PT2562047788H54.775807S}'),
    (3, 'PT2147483648H', '{PT-2147483649H,NULL}');
SELECT :event FROM long rec ORDER BY id;

-- every row comes back, to the last bit
SELECT id FROM long rec WHERE record_send(json_populate_record(NULL::long, :after)) IS DISTINCT FROM record_send(rec);
SELECT id FROM long rec WHERE record_send(jsonb_populate_record(NULL::long, (:after)::jsonb)) IS DISTINCT FROM record_send(rec);
DROP TABLE long;

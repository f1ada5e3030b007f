-- needs PostgreSQL 17
-- Infinite intervals.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE TABLE forever (id int PRIMARY KEY, i interval, i_a interval[]);
INSERT INTO forever VALUES (1, 'infinity', '{infinity,-infinity,NULL}'), (2, '-infinity', '[0:0]={-infinity}'),
    (3, 'P178956970Y7M2147483646D', '{}');
SELECT :event FROM forever rec ORDER BY id;

-- every row comes back, to the last bit
SELECT id FROM forever rec WHERE record_send(json_populate_record(NULL::forever, :after)) IS DISTINCT FROM record_send(rec);
SELECT id FROM forever rec WHERE record_send(jsonb_populate_record(NULL::forever, (:after)::jsonb)) IS DISTINCT FROM record_send(rec);
DROP TABLE forever;

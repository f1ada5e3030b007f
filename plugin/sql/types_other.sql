-- Every other type: the text of its output function under fixed settings.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE TYPE textrange AS RANGE (subtype = text);
CREATE TABLE others (
    id   int PRIMARY KEY,
    i4r  int4range,
    nr   numrange,
    tr   tstzrange,
    xr   textrange,
    bit  bit(3),
    vbit varbit,
    ip   inet,
    net  cidr,
    mac  macaddr,
    mac8 macaddr8,
    p    point,
    poly polygon,
    c    circle,
    v    tsvector,
    q    tsquery,
    lsn  pg_lsn,
    rel  regclass,
    fn   regprocedure,
    jp   jsonpath,
    iv   int2vector,
    snap pg_snapshot,
    xid  xid
);
SET timezone = 'UTC';
INSERT INTO others VALUES
    (1, '[1,5)', '[1.50,)', '[2026-02-07 05:55:21+00,infinity)', '[a,"b c"")")',
     '101', '1', '192.168.0.1/24', '10.0.0.0/8',
     '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '(0.1,-0)', '((0,0),(1,1),(1,0))', '<(0,0),1.5>',
     'fat:2A cat:3B ''it''''s''', 'fat & (rat | !cat)', '16/B374D848', 'public.others',
     'upper(text)', '$.a[*] ? (@ > 1)', '1 2 3', '10:20:10,14,15', '4294967295'),
    (2, 'empty', '(,)', '(,)', '["",)', '000', '', '::1', '::/0', NULL, NULL, '(NaN,Infinity)', NULL, NULL,
     '', NULL, '0/0', 0, 0, NULL, '', NULL, '0');
SELECT :event FROM others rec ORDER BY id;

-- settings of the session have no say, search_path included
CREATE TABLE plain AS SELECT id, (:event) AS event FROM others rec;
SET search_path = pg_catalog;
SET timezone = 'Asia/Kathmandu';
SET datestyle = 'German, DMY';
SET extra_float_digits = -10;
SELECT id FROM public.others rec JOIN public.plain USING (id) WHERE :event <> event;
RESET search_path;
RESET timezone;
RESET datestyle;
RESET extra_float_digits;

-- every row comes back (points have no equality, so the rows are compared as text)
SELECT id FROM others rec WHERE json_populate_record(NULL::others, :after)::text IS DISTINCT FROM rec::text;
SELECT id FROM others rec WHERE jsonb_populate_record(NULL::others, (:after)::jsonb)::text IS DISTINCT FROM rec::text;
DROP TABLE others, plain;
DROP TYPE textrange;

-- Dates and times: ISO 8601 in UTC with six digits, whatever DateStyle, TimeZone and IntervalStyle say.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE TABLE times (
    id   int PRIMARY KEY,
    d    date,
    t    time,
    tz   timetz,
    ts   timestamp,
    tstz timestamptz,
    i    interval
);
SET timezone = 'UTC';
INSERT INTO times VALUES
    (1, '2026-02-07', '05:55:21.123456', '05:55:21.123456+02', '2026-02-07 05:55:21.123456',
     '2026-02-07 05:55:21.123456+00', '1 year 2 mons 3 days 04:05:06.5'),
    (2, '0001-01-01', '00:00', '00:00-15:59:59', '0001-01-01 00:00:00', '0001-01-01 00:00:00+00', '0'),
    (3, '0001-12-31 BC', '24:00', '24:00+15:59:59', '0001-12-31 23:59:59.999999 BC', '0044-03-15 12:00:00+00 BC',
     '-1 year -2 mons +3 days -04:05:06.5'),
    (4, '4714-11-24 BC', '23:59:59.999999', '12:00+05:30', '4714-11-24 00:00:00 BC', '4714-11-24 00:00:00+00 BC',
     'P-178956970Y-7M-2147483648DT-2147483647H-59M-54.775808S'),
    (5, '5874897-12-31', '12:00', '12:00-00:30', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00',
     'P178956970Y7M2147483647DT2147483647H59M54.775807S'),
    (6, 'infinity', NULL, '12:00+00', 'infinity', 'infinity', '0.000001 s'),
    (7, '-infinity', NULL, NULL, '-infinity', '-infinity', '-0.000001 s'),
    (8, '9999-12-31', NULL, NULL, '9999-12-31 23:59:59.999999', '10000-01-01 00:00:00+00', '1 mon -1 day 00:00:00.1'),
    (9, '10000-01-01', NULL, NULL, '12026-02-07 05:55:21', '99999-12-31 00:00:00+00', '-1 mon 1 day'),
    (10, '2000-02-29', NULL, NULL, '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00+00', '100 hours');
SELECT :event FROM times rec ORDER BY id;

-- settings of the session have no say
CREATE TABLE plain AS SELECT id, (:event) AS event FROM times rec;
SET timezone = 'Asia/Kathmandu';
SET datestyle = 'German, DMY';
SET intervalstyle = 'sql_standard';
SELECT id FROM times rec JOIN plain USING (id) WHERE :event <> event;
SET datestyle = 'SQL, MDY';
SET intervalstyle = 'postgres_verbose';
SELECT id FROM times rec JOIN plain USING (id) WHERE :event <> event;
RESET datestyle;
RESET intervalstyle;

-- every row comes back, read in whatever time zone
SELECT id FROM times rec WHERE json_populate_record(NULL::times, :after)::text IS DISTINCT FROM rec::text;
SET timezone = 'America/New_York';
SELECT id FROM times rec WHERE json_populate_record(NULL::times, :after)::text IS DISTINCT FROM rec::text;
RESET timezone;

-- every month of a leap and a common year, and the turns of centuries around year 0
CREATE TABLE days AS
SELECT d::timestamp AS ts FROM generate_series(timestamp '1999-12-30', '2001-01-02', '1 day') d
UNION ALL
SELECT d FROM generate_series(timestamp '0201-12-31 12:00:00.5 BC', '0201-01-02', '73 days 5 hours 1.000001 s') d;
SELECT count(*) > 1000, count(*) FILTER (WHERE (:after ->> 'ts')::timestamp IS DISTINCT FROM ts) FROM days rec;
DROP TABLE times, plain, days;

-- json_populate_record(NULL::t, after) restores every row: a wide table, extremes and 1,000 random rows of each kind.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
SELECT 'seeded' FROM setseed(0.25);
SET datestyle = 'ISO';
SET timezone = 'UTC';
CREATE TYPE pair AS (k text, v numeric);
CREATE TYPE mood AS ENUM ('sad', 'o"k', 'a,b');
CREATE TYPE textrange AS RANGE (subtype = text);
CREATE DOMAIN code AS varchar(60);
CREATE TABLE wide (
    id bigint PRIMARY KEY,
    b bool, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8, n numeric, m money,
    t text, v varchar, c char(12), nm name, cd code, e mood, x bytea, u uuid,
    d date, tm time, tz timetz, ts timestamp, tstz timestamptz, iv interval,
    b_a bool[], i2_a int2[], i4_a int4[], i8_a int8[], f4_a float4[], f8_a float8[], n_a numeric[], m_a money[],
    t_a text[], v_a varchar[], c_a char(12)[], nm_a name[], cd_a code[], e_a mood[], x_a bytea[], u_a uuid[],
    d_a date[], tm_a time[], tz_a timetz[], ts_a timestamp[], tstz_a timestamptz[], iv_a interval[],
    t_zero text[], tstz_zero timestamptz[], f8_grid float8[],
    pr pair, pr_a pair[], pr_zero pair[],
    nr numrange, tr tstzrange, xr textrange, nr_a numrange[]
);
-- a random text: quotes, white space, control and non-ASCII characters, what looks like JSON or like a literal
CREATE FUNCTION random_text(salt int) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT string_agg((ARRAY['a', 'Z', '0', ' ', '"', '\', '/', '{', '}', '[', ']', '(', ')', ',', ':', ';', 'null', 'NULL', '''',
                             E'\n', E'\t', E'\r', E'\b', E'\f', E'\x01', E'\x1f', E'\x7f', 'é', 'ß', '日', '😀', E'\u2028'])
                      [1 + floor(random() * 32)::int], '')
    FROM generate_series(1, (random() * 12)::int) WHERE salt IS NOT NULL
$$;
CREATE FUNCTION random_numeric(salt int) RETURNS numeric LANGUAGE sql VOLATILE AS $$
    SELECT round(((random() - 0.5) * 10::numeric ^ (salt % 30 - 10))::numeric, salt % 20)
$$;
INSERT INTO wide (id, b, i2, i4, i8, o, f4, f8, n, m, t, v, c, nm, cd, e, x, u, d, tm, tz, ts, tstz, iv)
SELECT g, random() < 0.5, floor(random() * 65536) - 32768, floor(random() * 4294967296) - 2147483648,
       floor((random() - 0.5) * 1e18) , floor(random() * 4294967296)::int8::oid,
       ((random() - 0.5) * 10::float8 ^ (g % 70 - 35))::float4, (random() - 0.5) * 10::float8 ^ (g % 600 - 300),
       random_numeric(g), (floor((random() - 0.5) * 1e12) / 100)::numeric::money,
       random_text(g), random_text(g), left(random_text(g), 12), left(random_text(g), 15), left(random_text(g), 60),
       (ARRAY['sad', 'o"k', 'a,b']::mood[])[1 + g % 3], decode(md5(random()::text), 'hex'), md5(random()::text)::uuid,
       date '2000-01-01' + floor((random() - 0.3) * 3e6)::int,
       time '00:00' + random() * interval '1 day',
       ((time '00:00' + random() * interval '1 day')::text || (ARRAY['+00', '-15:59:59', '+05:45', '-03:30', '+00:00:01'])[1 + g % 5])::timetz,
       timestamp '2000-01-01' + (random() - 0.02) * interval '290000 years',
       timestamptz '2000-01-01 00:00:00+00' + (random() - 0.5) * interval '8000 years',
       make_interval(months => floor((random() - 0.5) * 1e4)::int, days => floor((random() - 0.5) * 1e6)::int,
                     secs => (random() - 0.5) * 10::float8 ^ (g % 12))
FROM generate_series(1, 1000) g;
-- extremes
INSERT INTO wide (id, i2, i4, i8, f4, f8, n, m, t, d, ts, tstz, iv) VALUES
    (1001, -32768, -2147483648, -9223372036854775808, 'NaN', 'NaN', 'NaN', '-92233720368547758.08', '', '-infinity', '-infinity', '-infinity',
     'P-178956970Y-7M-2147483648DT-2147483647H-59M-54.775808S'),
    (1002, 32767, 2147483647, 9223372036854775807, 'Infinity', 'Infinity', 1e131071, '92233720368547758.07', 'null', 'infinity', 'infinity', 'infinity',
     'P178956970Y7M2147483647DT2147483647H59M54.775807S'),
    (1003, 0, 0, 0, '-Infinity', '-Infinity', -1e131071, 0, '\', '4714-11-24 BC', '4714-11-24 00:00:00 BC', '4714-11-24 00:00:00+00 BC', '0'),
    (1004, 1, 1, 1, 1.17549435e-38, 2.2250738585072014e-308, 1e131071, 0.01, '"', '5874897-12-31', '294276-12-31 23:59:59.999999',
     '294276-12-31 23:59:59.999999+00', '1 us'),
    (1005, -1, -1, -1, 3.4028235e38, 1.7976931348623157e308, 1e-16383, -0.01, E'\n', '0001-01-01', '0001-01-01 00:00:00', '0001-01-01 00:00:00+00', '-1 us'),
    (1006, NULL, NULL, NULL, 1e-45, 5e-324, '0.000', NULL, repeat('"\😀', 3000), '0001-12-31 BC', '0001-12-31 23:59:59.999999 BC',
     '0001-12-31 23:59:59.999999+00 BC', '-1 mon 1 day -1 s');
-- arrays, composites and ranges of the values of each row and of its neighbour; every third element is a null
UPDATE wide w SET
    b_a = ARRAY[w.b, n.b, NULL], i2_a = ARRAY[w.i2, n.i2, NULL], i4_a = ARRAY[w.i4, n.i4, NULL], i8_a = ARRAY[w.i8, n.i8, NULL],
    f4_a = ARRAY[w.f4, n.f4, NULL], f8_a = ARRAY[w.f8, n.f8, NULL], n_a = ARRAY[w.n, n.n, NULL], m_a = ARRAY[w.m, n.m, NULL],
    t_a = ARRAY[w.t, n.t, NULL], v_a = ARRAY[w.v, n.v, NULL], c_a = ARRAY[w.c, n.c, NULL], nm_a = ARRAY[w.nm, n.nm, NULL],
    cd_a = ARRAY[w.cd, n.cd, NULL], e_a = ARRAY[w.e, n.e, NULL], x_a = ARRAY[w.x, n.x, NULL], u_a = ARRAY[w.u, n.u, NULL],
    d_a = ARRAY[w.d, n.d, NULL], tm_a = ARRAY[w.tm, n.tm, NULL], tz_a = ARRAY[w.tz, n.tz, NULL], ts_a = ARRAY[w.ts, n.ts, NULL],
    tstz_a = ARRAY[w.tstz, n.tstz, NULL], iv_a = ARRAY[w.iv, n.iv, NULL],
    t_zero = ('[0:2]=' || ARRAY[w.t, NULL, n.t]::text)::text[],
    tstz_zero = ('[-1:1]=' || ARRAY[w.tstz, NULL, n.tstz]::text)::timestamptz[],
    f8_grid = ARRAY[ARRAY[w.f8, n.f8], ARRAY[NULL, 1.5]],
    pr = (w.t, w.n), pr_a = ARRAY[(w.t, n.n)::pair, NULL, (n.t, NULL)::pair],
    pr_zero = ('[0:1]=' || ARRAY[(w.t, n.n)::pair, (n.v, w.n)::pair]::text)::pair[],
    nr = numrange(least(w.n, n.n), greatest(w.n, n.n), '[]'), tr = tstzrange(least(w.tstz, n.tstz), NULL),
    xr = textrange(least(w.t, n.t), greatest(w.t, n.t), '(]'),
    nr_a = ARRAY[numrange(least(w.n, n.n), NULL), NULL, 'empty']
FROM wide n WHERE n.id = w.id % 1006 + 1;
SELECT count(*) AS rows FROM wide;
SELECT id FROM wide rec WHERE json_populate_record(NULL::wide, :after) IS DISTINCT FROM rec ORDER BY id LIMIT 5;
SELECT id FROM wide rec WHERE json_populate_record(NULL::wide, :after)::text IS DISTINCT FROM rec::text ORDER BY id LIMIT 5;
SELECT id FROM wide rec WHERE jsonb_populate_record(NULL::wide, (:after)::jsonb) IS DISTINCT FROM rec ORDER BY id LIMIT 5;
-- and to the last bit
SELECT id FROM wide rec WHERE record_send(json_populate_record(NULL::wide, :after)) IS DISTINCT FROM record_send(rec) ORDER BY id LIMIT 5;
DROP TABLE wide;
DROP FUNCTION random_text, random_numeric;
DROP TYPE pair, textrange, mood;
DROP DOMAIN code;

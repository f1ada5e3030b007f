-- Numbers: integers, floats and oid as JSON numbers; numeric and money as decimal strings; what JSON lacks as words.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE TABLE numbers (
    id   int PRIMARY KEY,
    b    bool,
    i2   int2,
    i4   int4,
    i8   int8,
    o    oid,
    f4   float4,
    f8   float8,
    n    numeric,
    n2   numeric(10, 2),
    m    money
);
INSERT INTO numbers VALUES
    (1, true, 1, 2, 3, 4, 1.5, 2.5, 10.50, 10.5, 12.34),
    (2, false, -32768, -2147483648, -9223372036854775808, 0, '-3.4028235e38', '-1.7976931348623157e308',
     '-0.000000000000000000001', '-99999999.99', '-92233720368547758.08'),
    (3, NULL, 32767, 2147483647, 9223372036854775807, 4294967295, 1e-45, 5e-324, '1e40', 0, '92233720368547758.07'),
    (4, NULL, 0, 0, 9007199254740993, NULL, 'NaN', 'NaN', 'NaN', 'NaN', '-0.05'),
    (5, NULL, NULL, NULL, NULL, NULL, 'Infinity', 'Infinity', NULL, NULL, 0),
    (6, NULL, NULL, NULL, NULL, NULL, '-Infinity', '-Infinity', NULL, NULL, NULL),
    (7, NULL, NULL, NULL, NULL, NULL, '-0', '-0', '-0.00', '-0', NULL),
    (8, NULL, NULL, NULL, NULL, NULL, 0.1, 0.1, '0.10000000000000000', 0.1, NULL),
    (9, NULL, NULL, NULL, NULL, NULL, 123456789, 1e20, 1e20, 1, NULL),
    (10, NULL, NULL, NULL, NULL, NULL, 1e-5, 1e-5, '1e-5', 1, NULL);
SELECT :event FROM numbers rec ORDER BY id;

-- option int8=string, for readers limited to 2^53: int8 only
SELECT cdc_envelope.encode(rec, 'r', '0/16B4F20', '2026-02-07T05:55:21.123456Z',
                           ARRAY['cluster=c', 'projection=p', 'int8=string'])
FROM numbers rec WHERE id = 4;

-- money means the same whatever lc_monetary says
SET lc_monetary = 'C';
SELECT :after ->> 'm' FROM numbers rec WHERE id IN (1, 4) ORDER BY id;
RESET lc_monetary;

-- extra_float_digits has no say
SET extra_float_digits = -15;
SELECT :after ->> 'f4', :after ->> 'f8' FROM numbers rec WHERE id IN (3, 8) ORDER BY id;
RESET extra_float_digits;

-- every row comes back
SELECT id FROM numbers rec
WHERE json_populate_record(NULL::numbers, :after)::text IS DISTINCT FROM rec::text;
DROP TABLE numbers;

-- every form in which a numeric is stored, against PostgreSQL's own output: short and long header, weights of both signs,
-- digits cut off by the scale, zeros with a scale; integers of every length
CREATE TABLE stored (n numeric, i int8);
INSERT INTO stored
SELECT (sign || mantissa || 'e' || exponent)::numeric, NULL
FROM unnest('{"",-}'::text[]) sign, unnest('{1,9999,10000,12345.6789,100000001,0.5,98765432109876543210.01}'::text[]) mantissa,
     generate_series(-90, 290, 5) exponent;
INSERT INTO stored SELECT round(1234567.891234567::numeric, scale), NULL FROM generate_series(-7, 120) scale;
INSERT INTO stored SELECT trim_scale((10::numeric ^ n) * 1.0), NULL FROM generate_series(-20, 40) n;
INSERT INTO stored VALUES ('1e131071', NULL), ('-1e-16383', NULL), (0, NULL), ('0.00', NULL), ('0e-70', NULL);
INSERT INTO stored SELECT NULL, sign * (9223372036854775807 / (10::numeric ^ n))::int8 + d
FROM generate_series(0, 18) n, unnest('{-1,1}'::int[]) sign, unnest('{0,-1,-9}'::int[]) d WHERE n > 0;
SELECT count(n) > 1000, count(i) > 100,
       count(*) FILTER (WHERE (:after ->> 'n') IS DISTINCT FROM n::text OR (:after ->> 'i') IS DISTINCT FROM i::text)
FROM stored rec;
DROP TABLE stored;

-- json and jsonb: the document itself, white space removed, numbers as written; a JSON null is marked.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE TABLE docs (id int PRIMARY KEY, j json, b jsonb);
INSERT INTO docs VALUES
    (1, E' {\t"a" : [ 1 , 2.50 , 1e5 , -0 ] ,\n "b" : { } , "a" : null , "c" : [ ] }\r ',
        ' { "a" : [ 1 , 2.50 , 1e5 , -0 ] , "b" : { } , "a" : null , "c" : [ ] } '),
    (2, 'null', 'null'),
    (3, ' null ', '{}'),
    (4, '"null"', '"null"'),
    (5, '"a \" \\ \/ \u00e9 \n  spaced"', '"a \" \\ \/ \u00e9 \n  spaced"'),
    (6, '"\u0000 \ud800"', '[[[]],[{}],[[[1]]]]'),
    (7, 'true', 'false'),
    (8, '[]', '[]'),
    (9, '123456789012345678901234567890.1230', '123456789012345678901234567890.1230'),
    (10, NULL, NULL),
    (11, '{"ключ":"знач 😀"}', '{"ключ":"знач 😀"}'),
    (12, '["\\"," \\\" "]', '{"k\"1":"\u0001","":[null,[null]]}');
SELECT :event FROM docs rec ORDER BY id;

-- option json=string: the same document in a string; nothing to mark
SELECT cdc_envelope.encode(rec, 'r', '0/16B4F20', '2026-02-07T05:55:21.123456Z',
                           ARRAY['cluster=c', 'projection=p', 'json=string'])
FROM docs rec WHERE id IN (1, 2, 5, 10, 11) ORDER BY id;

-- json's own operators refuse these escapes
DELETE FROM docs WHERE id = 6;
-- every row comes back but: 1 without its white space, 2 and 3 as SQL nulls where the event says json_null, 5 with the
-- escapes that json_populate_record itself writes anew in a bare string
SELECT id FROM docs rec
WHERE (json_populate_record(NULL::docs, :after)).b IS DISTINCT FROM b
   OR (json_populate_record(NULL::docs, :after)).j::text IS DISTINCT FROM j::text
ORDER BY id;
SELECT (json_populate_record(NULL::docs, :after)).j FROM docs rec WHERE id = 1;
SELECT id, (:event)::json -> 'json_null' FROM docs rec WHERE (:event)::jsonb ? 'json_null' ORDER BY id;

-- nested deeply
CREATE TABLE deep (b jsonb, j json);
INSERT INTO deep SELECT (repeat('[', 5000) || repeat(']', 5000))::jsonb, (repeat('[ ', 5000) || repeat(']', 5000))::json;
SELECT (:after ->> 'b') = repeat('[', 5000) || repeat(']', 5000) AS b,
       (:after ->> 'j') = repeat('[', 5000) || repeat(']', 5000) AS j
FROM deep rec;
DROP TABLE docs, deep;

-- against PostgreSQL's own output: more entries than one offset counts for (32), every kind of scalar among them, containers
-- within containers to either side of the depth where another way of walking begins, packed and unpacked documents
CREATE TABLE walked (b jsonb);
INSERT INTO walked SELECT jsonb_agg(g) FROM generate_series(1, 100) g;
INSERT INTO walked
SELECT jsonb_object_agg('k' || g, CASE g % 6 WHEN 0 THEN to_jsonb(g * 1.25) WHEN 1 THEN to_jsonb(repeat('x', g)) WHEN 2 THEN 'null'
    WHEN 3 THEN to_jsonb(g % 4 = 1) WHEN 4 THEN jsonb_build_array(g, jsonb_build_object('k', g)) ELSE '{}' END)
FROM generate_series(1, 80) n, generate_series(1, n) g GROUP BY n;
INSERT INTO walked
SELECT (repeat('{"a":[1,', n) || '-0.50' || repeat(',"x"],"b":true}', n))::jsonb FROM generate_series(20, 50) n;
INSERT INTO walked VALUES ('"s"'), ('12345.678'), ('true'), ('null'), (to_jsonb(repeat('y', 300)));
SELECT count(*), count(*) FILTER (WHERE :event NOT LIKE '%"after":{"b":' || replace(b::text, ' ', '') || '}%') FROM walked rec;
DROP TABLE walked;

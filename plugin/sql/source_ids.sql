-- No two keys share a source_id.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE SCHEMA source_ids;
SET search_path = source_ids;
-- What source_id has of each of these rows' keys, in the order of the rows, and how many keys share theirs with another.
CREATE FUNCTION ids(columns text, VARIADIC rows text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    key  text := (SELECT string_agg(split_part(trim(c), ' ', 1), ', ') FROM unnest(string_to_array(columns, ', ')) c);
    each text;
BEGIN
    EXECUTE format('CREATE TABLE keyed (%s, PRIMARY KEY (%s))', columns, key);
    FOREACH each IN ARRAY rows LOOP
        EXECUTE format('INSERT INTO keyed VALUES (%s)', each);
    END LOOP;
    RETURN QUERY EXECUTE $q$
        SELECT format('%s: %s%s', $1, string_agg(id, ' ' ORDER BY n), ' SHARED: ' || nullif(count(*) - count(DISTINCT id), 0))
        FROM (SELECT row_number() OVER (ORDER BY ctid) AS n,
                     (regexp_match(cdc_envelope.encode(k, 'r', '0/1', now(), '{cluster=c}'), '"[^"]*/((PK|ROW):[^"]*)"'))[1] AS id
              FROM keyed k) found $q$ USING columns;
    DROP TABLE keyed;
END $$;
-- the separators, and what is empty
SELECT ids('v text', $$''$$, $$' '$$, $$','$$, $$'%2C'$$, $$'/'$$, $$'PK:'$$, $$'a'$$, $$'A'$$, $$'ä'$$, $$E'a\u0308'$$, $$'null'$$, $$'"'$$, $$'\"'$$, $$'\u0022'$$);
SELECT ids('a text, b text', $$'', ''$$, $$'', ','$$, $$',', ''$$, $$'a,b', 'c'$$, $$'a', 'b,c'$$, $$'a%2Cb', 'c'$$);
SELECT ids('v varchar(9)', $$'1'$$, $$'1 '$$, $$'01'$$);
SELECT ids('v char(3)', $$'a'$$, $$'ab'$$, $$' a'$$);
SELECT ids('v "char"', $$''$$, $$'a'$$, $$'\'$$, $$(-56)::"char"$$);
SELECT ids('v name', $$'a'$$, $$'"a"'$$);
SELECT ids('v bytea', $$''$$, $$'\x00'$$, $$'\x0000'$$, $$'\x5c78'$$, $$'\xff'$$);
-- a document that is a string is not the number, the word or the document that it spells
SELECT ids('v jsonb', $$'1'$$, $$'"1"'$$, $$'1.0e2'$$, $$'"100"'$$, $$'true'$$, $$'"true"'$$, $$'null'$$, $$'"null"'$$, $$'""'$$, $$'"\""'$$,
    $$'[]'$$, $$'"[]"'$$, $$'[1]'$$, $$'["1"]'$$, $$'{}'$$, $$'"{}"'$$, $$'{"a":null}'$$, $$'{"a":"null"}'$$, $$'[null]'$$, $$'"é"'$$);
CREATE DOMAIN document AS jsonb;
SELECT ids('v document, b int', $$'1', 1$$, $$'"1"', 1$$, $$'"1,1"', 1$$);
-- numbers
SELECT ids('v float8', $$'NaN'$$, $$'Infinity'$$, $$'-Infinity'$$, $$0$$, $$'5e-324'$$, $$0.1$$, $$0.30000000000000004$$, $$0.3$$);
SELECT ids('v float4', $$'NaN'$$, $$'-0'$$, $$0.1$$, $$1e20$$);
SELECT ids('v numeric', $$'NaN'$$, $$1$$, $$1.50$$, $$-1.5$$, $$0.00$$, $$'1e-20'$$);
SELECT ids('v int8', $$9007199254740993$$, $$9007199254740992$$, $$-1$$);
SELECT ids('v money', $$0.01$$, $$-0.01$$, $$1$$);
-- times
SELECT ids('v timestamptz', $$'infinity'$$, $$'-infinity'$$, $$'0001-01-01 00:00Z'$$, $$'0001-01-01 00:00Z BC'$$, $$'10001-01-01 00:00Z'$$);
SELECT ids('v interval', $$'1 mon'$$, $$'1 min'$$, $$'-1 mon 1 day'$$, $$'1 mon -1 day'$$, $$'0.5 s'$$, $$'-0.5 s'$$);
SELECT ids('v timetz', $$'00:00+00'$$, $$'00:00-00:00:01'$$, $$'24:00+00'$$);
-- arrays: NULL and the word, dimensions, bounds, what looks like another element
SELECT ids('v text[]', $$'{}'$$, $$'{""}'$$, $$'{NULL}'$$, $$'{"NULL"}'$$, $$'{null,a}'$$, $$'{a,b}'$$, $$'{"a,b"}'$$, $$'{"a\",\"b"}'$$, $$'{{a},{b}}'$$, $$'{{a,b}}'$$,
    $$'[0:1]={a,b}'$$, $$'[2:3]={a,b}'$$);
SELECT ids('v int[]', $$'{1,2}'$$, $$'{12}'$$, $$'[0:0]={0}'$$);
SELECT ids('v jsonb[]', $$'{1}'$$, $$'{"\"1\""}'$$, $$ARRAY[jsonb '[1]']$$, $$ARRAY[jsonb '"[1]"']$$, $$ARRAY[jsonb 'null']$$, $$'{NULL}'$$);
-- composites: NULL, empty, the word; an attribute that is a document
CREATE TYPE pair AS (a text, b jsonb);
SELECT ids('v pair', $$ROW(NULL, NULL)$$, $$ROW('', NULL)$$, $$ROW('null', NULL)$$, $$ROW(NULL, 'null')$$, $$ROW(NULL, '"null"')$$, $$ROW('a', '1')$$, $$ROW('a', '"1"')$$,
    $$ROW('{"a":null,"b":null}', '[]')$$);
CREATE TYPE mood AS ENUM ('', 'a', 'a,b', 'null');
SELECT ids('v mood', $$''$$, $$'a'$$, $$'a,b'$$, $$'null'$$);
-- others
SELECT ids('v varbit', $$''$$, $$'0'$$, $$'00'$$);
SELECT ids('v inet', $$'10.0.0.0'$$, $$'10.0.0.0/8'$$, $$'::10.0.0.0'$$);
SELECT ids('v int4range', $$'empty'$$, $$'(,)'$$, $$'[1,2)'$$, $$'[1,)'$$);
CREATE TYPE span AS RANGE (subtype = text);
SELECT ids('v span', $$span('', 'a')$$, $$span(NULL, 'a', '()')$$, $$span('a', NULL)$$, $$span('a', 'b,c')$$, $$span('a,b', 'c')$$, $$'empty'$$);
SELECT ids('v tsvector', $$''$$, $$'a'$$, $$'a:1'$$, $$'a b'$$, $$'''a b'''$$);
-- functions and operators that share a name: in the row it is their name, in source_id their number
SELECT ids('v regproc', $$'abs(int4)'::regprocedure$$, $$'abs(int8)'::regprocedure$$);
SELECT ids('v regoper', $$'+(int4,int4)'::regoperator$$, $$'+(int8,int8)'::regoperator$$);
SELECT ids('v regprocedure', $$'abs(int4)'$$, $$'abs(int8)'$$);
DROP SCHEMA source_ids CASCADE;

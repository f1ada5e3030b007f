-- Rebuilds tables from their events, with json_populate_record alone, and compares them with the tables themselves.
-- rt.events (number, event json) holds the events in order; the copy of schema s is the schema "copy of s".
CREATE FUNCTION rt.copy_of(schema text, name text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT format('%I.%I', 'copy of ' || schema, name) $$;

-- Empty, with the table's columns and no more: generated ones are plain here.
CREATE FUNCTION rt.make_copy(schema text, name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', 'copy of ' || schema);
    EXECUTE format('CREATE TABLE %s AS SELECT * FROM %I.%I WITH NO DATA', rt.copy_of(schema, name), schema, name);
END $$;

-- A JSON null in a json column, which populating takes for an SQL NULL (the event's json_null names it).
CREATE FUNCTION rt.set_json_nulls(copy text, row_at tid, event json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    member text;
BEGIN
    FOR member IN SELECT substr(m, 7) FROM json_array_elements_text(event -> 'json_null') m WHERE m LIKE 'after.%' LOOP
        EXECUTE format('UPDATE %s SET %I = ''null'' WHERE ctid = $1 RETURNING ctid', copy, member) INTO row_at USING row_at;
    END LOOP;
END $$;

-- Where in the copy the row of an update or delete is: by all that the old image shows, or by the key where there is none.
CREATE FUNCTION rt.find_row(copy text, event json) RETURNS tid LANGUAGE plpgsql AS $$
DECLARE
    image   text := CASE WHEN event ->> 'before' IS NOT NULL THEN 'before.' ELSE 'after.' END;
    old     json := CASE WHEN event ->> 'before' IS NOT NULL THEN event -> 'before' ELSE event -> 'key' END;
    nulls   text[] := ARRAY(SELECT k FROM json_object_keys(old) k, json_array_elements_text(event -> 'json_null') m WHERE m = image || k);
    columns text;
    nulled  text;
    found   tid;
BEGIN
    SELECT string_agg(format('the_row.%I', k), ', ') FILTER (WHERE k <> ALL (nulls)),
           string_agg(format(' AND the_row.%I::text = ''null''', k), '') FILTER (WHERE k = ANY (nulls))
      INTO columns, nulled FROM json_object_keys(old) k;
    EXECUTE format('SELECT ctid FROM %s the_row WHERE ROW(%s)::text = (SELECT ROW(%s)::text FROM json_populate_record(NULL::%s, $1) the_row) %s LIMIT 1',
                   copy, columns, columns, copy, nulled) INTO found USING old;
    IF found IS NULL THEN
        RAISE EXCEPTION 'no such row: %', event;
    END IF;
    RETURN found;
END $$;

CREATE FUNCTION rt.replay(event json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    copy   text := rt.copy_of(event ->> 'schema', event ->> 'table');
    row_at tid;
BEGIN
    CASE event ->> 'op_type'
    WHEN 't' THEN
        EXECUTE 'TRUNCATE ' || copy;
    WHEN 'd' THEN
        EXECUTE format('DELETE FROM %s WHERE ctid = $1', copy) USING rt.find_row(copy, event);
    WHEN 'c' THEN
        EXECUTE format('INSERT INTO %s SELECT * FROM json_populate_record(NULL::%s, $1) RETURNING ctid', copy, copy)
           INTO row_at USING event -> 'after';
        PERFORM rt.set_json_nulls(copy, row_at, event);
    WHEN 'u' THEN
        -- what the event does not show (its "unchanged") stays
        EXECUTE format('WITH old AS (DELETE FROM %s the_row WHERE ctid = $1 RETURNING the_row)
                        INSERT INTO %s SELECT image.* FROM old, json_populate_record(old.the_row, $2) image RETURNING ctid', copy, copy)
           INTO row_at USING rt.find_row(copy, event), event -> 'after';
        PERFORM rt.set_json_nulls(copy, row_at, event);
    END CASE;
END $$;

-- How many rows the table and its copy do not have in common. form: what is compared, as a function of a row.
CREATE FUNCTION rt.differences(schema text, name text, form text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    source text := format('SELECT %s(the_row) FROM %I.%I the_row', form, schema, name);
    copy   text := format('SELECT %s(the_row) FROM %s the_row', form, rt.copy_of(schema, name));
    result bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((%s EXCEPT ALL %s) UNION ALL (%s EXCEPT ALL %s)) d', source, copy, copy, source) INTO result;
    RETURN result;
END $$;

-- The rows that a table and its copy do not have in common, for whoever looks into a difference.
CREATE FUNCTION rt.differing_rows(schema text, name text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    here  text := format('SELECT concat(the_row) FROM %I.%I the_row', schema, name);
    there text := format('SELECT concat(the_row) FROM %s the_row', rt.copy_of(schema, name));
BEGIN
    RETURN QUERY EXECUTE format('SELECT ''table: '' || v FROM (%s EXCEPT ALL %s) d(v) ORDER BY 1', here, there);
    RETURN QUERY EXECUTE format('SELECT ''copy:  '' || v FROM (%s EXCEPT ALL %s) d(v) ORDER BY 1', there, here);
END $$;

-- How many of the table's rows encode() writes otherwise than the stream did. Not asked where the stream left out unchanged
-- values of some.
CREATE FUNCTION rt.encoded_otherwise(schema text, name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    result bigint;
BEGIN
    EXECUTE format($q$
        SELECT count(*) FROM (
            SELECT (cdc_envelope.encode(the_row, 'c', '0/1', now(), '{cluster=c,projection=p}')::json -> 'after')::text
              FROM %I.%I the_row
            EXCEPT
            SELECT (event -> 'after')::text FROM rt.events
             WHERE event ->> 'schema' = $1 AND event ->> 'table' = $2 AND event ->> 'op_type' IN ('c', 'u')
             ) d
         WHERE NOT EXISTS (SELECT FROM rt.events WHERE event ->> 'schema' = $1 AND event ->> 'table' = $2 AND event -> 'unchanged' IS NOT NULL)
        $q$, schema, name) INTO result USING schema, name;
    RETURN result;
END $$;

-- The tables of bench/decode, and a procedure that changes one of them: transactions of `batch` changes each, of which
-- one half inserts rows, three tenths update the first of them and two tenths delete the last; `batch` is a multiple of ten, or 1.

CREATE TABLE narrow (id bigint PRIMARY KEY, value integer);

CREATE TABLE mixed (id bigint PRIMARY KEY, device integer, valid boolean, token uuid, at timestamptz,
    price numeric(12, 2), note text, doc jsonb);

CREATE TABLE one_row (LIKE mixed INCLUDING INDEXES);  -- changed by transactions of one change

CREATE TABLE wide_text (id bigint PRIMARY KEY, value integer, title text, body text, remark text);

CREATE TABLE jsonb (id bigint PRIMARY KEY, value integer, doc jsonb);

DO $$
DECLARE
    types text[] = '{integer,bigint,text,timestamptz,numeric,boolean,uuid,date,double precision,smallint}';
BEGIN
    EXECUTE 'CREATE TABLE hundred_columns (id bigint PRIMARY KEY, ' ||
        (SELECT string_agg(format('c%s %s', n, types[1 + n % 10]), ', ' ORDER BY n) FROM generate_series(1, 99) n) || ')';
END $$;

-- What a row of each holds, as a select list over n.
CREATE TABLE content (shape text PRIMARY KEY, columns text, change text);
INSERT INTO content VALUES
    ('narrow', 'n, n % 1000', 'value = value + 1'),
    ('mixed', $$n, n % 100, n % 7 > 0, md5(n::text)::uuid, '2026-02-07 05:55:21.123456+00'::timestamptz + n * '1 second'::interval,
        (n % 100000) * 1.01, 'reading ' || n, jsonb_build_object('n', n, 'unit', 'K', 'ok', true)$$, 'device = device + 1'),
    ('wide_text', $$n, n % 100, 'Title of ' || n, repeat('A line of plain text, as most are. ', 15), repeat('Über "Straße": ', 8)$$,
        'value = value + 1'),
    ('jsonb', $$n, n % 100, jsonb_build_object('id', n, 'name', 'customer ' || n, 'active', n % 3 = 0, 'score', n * 0.25,
        'tags', jsonb_build_array('a', 'b', n % 10, null), 'address', jsonb_build_object('street', 'Main Street', 'number', n % 200,
        'city', 'Berlin', 'position', jsonb_build_array(52.5200, 13.4050)), 'note', repeat('x', 100))$$, 'value = value + 1'),
    ('hundred_columns', (SELECT 'n, ' || string_agg((ARRAY[
        'n % 1000', 'n * 1000', '''text ' || c || ' of '' || n', '''2026-02-07 05:55:21.123456+00''::timestamptz + n * ''1 second''::interval',
        'n * 1.01', 'n % 2 = 0', 'md5(n::text)::uuid', '''2026-02-07''::date + (n % 365)::int', 'n * 0.1', '(n % 1000)::int2'])[1 + c % 10], ', '
        ORDER BY c) FROM generate_series(1, 99) c), 'c10 = c10 + 1');

INSERT INTO content SELECT 'one_row', columns, change FROM content WHERE shape = 'mixed';

CREATE PROCEDURE change(shape text, changes int, batch int) LANGUAGE plpgsql AS $$
DECLARE
    what content = (SELECT c FROM content c WHERE c.shape = change.shape);
    inserts text = format('INSERT INTO %I SELECT %s FROM generate_series($1, $2 - 1) n', shape, what.columns);
    updates text = format('UPDATE %I SET %s WHERE id >= $1 AND id < $2', shape, what.change);
    deletes text = format('DELETE FROM %I WHERE id >= $1 AND id < $2', shape);
    first int = 0;
BEGIN
    WHILE first < changes LOOP
        IF batch = 1 THEN
            CASE WHEN first % 10 < 5 THEN EXECUTE inserts USING first, first + 1;
                WHEN first % 10 < 8 THEN EXECUTE updates USING first - 5, first - 4;
                ELSE EXECUTE deletes USING first - 5, first - 4;
            END CASE;
        ELSE
            EXECUTE inserts USING first, first + batch / 2;
            EXECUTE updates USING first, first + batch * 3 / 10;
            EXECUTE deletes USING first + batch * 3 / 10, first + batch / 2;
        END IF;
        COMMIT;
        first = first + batch;
    END LOOP;
END $$;

CREATE PUBLICATION bench FOR ALL TABLES;

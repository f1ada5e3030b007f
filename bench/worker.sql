-- The table of bench/worker and the procedures that change it. A load makes exactly `changes` row changes: one half inserts,
-- three in ten updates, two in ten deletes of what the same load inserted; `base` keeps the ids of loads apart.

CREATE TABLE reading (id bigint PRIMARY KEY, device integer NOT NULL, at timestamptz NOT NULL, value double precision,
    price numeric(12, 2), note text, doc jsonb, valid boolean);
ALTER TABLE reading REPLICA IDENTITY FULL;
CREATE PUBLICATION bench FOR TABLE reading;
CREATE SEQUENCE reading_id START 1000000000000;

CREATE FUNCTION insert_readings(first bigint, last bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO reading SELECT n, n % 100, now(), n * 0.1, (n % 1000000) * 1.01, 'reading ' || n,
        jsonb_build_object('n', n, 'unit', 'K'), n % 7 > 0 FROM generate_series(first, last) n;
$$;

-- Transactions of `batch` changes, a multiple of ten.
CREATE PROCEDURE load_batched(base bigint, changes int, batch int) LANGUAGE plpgsql AS $$
BEGIN
    FOR low IN base .. base + changes - 1 BY batch LOOP
        PERFORM insert_readings(low, low + batch / 2 - 1);
        UPDATE reading SET value = id, note = 'again ' || id WHERE id >= low AND id < low + batch * 3 / 10;
        DELETE FROM reading WHERE id >= low + batch * 3 / 10 AND id < low + batch / 2;
        COMMIT;
    END LOOP;
END $$;

-- Transactions of one change; `changes` is a multiple of ten.
CREATE PROCEDURE load_single(base bigint, changes int) LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN base .. base + changes - 1 LOOP
        CASE WHEN n % 10 < 5 THEN PERFORM insert_readings(n, n);
            WHEN n % 10 < 8 THEN UPDATE reading SET value = n, note = 'again ' || n WHERE id = n - 5;
            ELSE DELETE FROM reading WHERE id = n - 5;
        END CASE;
        COMMIT;
    END LOOP;
END $$;

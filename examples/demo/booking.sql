-- A cruise line's booking database: 100,000 bookings on 200 sailings of 500 cabins, two fifths of them paid for.
CREATE TABLE bookings (
    booking_id   bigint PRIMARY KEY,
    guest        text NOT NULL,
    sailing_id   date NOT NULL,
    cabin_id     text NOT NULL,
    status       text NOT NULL CHECK (status IN ('pending', 'confirmed', 'cancelled')),
    booked_at    timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz
);

CREATE TABLE payments (
    payment_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_id   bigint NOT NULL REFERENCES bookings,
    amount_cents bigint NOT NULL,
    status       text NOT NULL,
    paid_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payments_booking_idx ON payments (booking_id);

CREATE TABLE cabin_inventory (
    sailing_id date,
    cabin_id   text,
    reserved   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (sailing_id, cabin_id)
);

INSERT INTO cabin_inventory (sailing_id, cabin_id, reserved)
SELECT date '2026-05-01' + sailing, 'S' || lpad(cabin::text, 3, '0'), (sailing * 500 + cabin) % 5 < 2
FROM generate_series(0, 199) sailing, generate_series(1, 500) cabin;

INSERT INTO bookings (booking_id, guest, sailing_id, cabin_id, status, booked_at, confirmed_at)
SELECT n, 'guest #' || n, date '2026-05-01' + (n - 1) / 500, 'S' || lpad(((n - 1) % 500 + 1)::text, 3, '0'),
       CASE WHEN n % 5 < 2 THEN 'confirmed' ELSE 'pending' END,
       timestamptz '2026-01-01 00:00Z' + n * interval '1 minute',
       CASE WHEN n % 5 < 2 THEN timestamptz '2026-01-02 00:00Z' + n * interval '1 minute' END
FROM generate_series(1, 100000) n;

INSERT INTO payments (booking_id, amount_cents, status, paid_at)
SELECT booking_id, 150000 + booking_id % 90 * 1000, 'authorized', confirmed_at
FROM bookings WHERE status = 'confirmed' ORDER BY booking_id;

ANALYZE bookings, payments, cabin_inventory;

-- What the worker may do here: decode (REPLICATION), and read what it takes a snapshot of.
CREATE EXTENSION cdc_envelope;
CREATE ROLE cdc LOGIN REPLICATION;
GRANT USAGE ON SCHEMA public, cdc_envelope TO cdc;
GRANT SELECT ON ALL TABLES IN SCHEMA public, cdc_envelope TO cdc;

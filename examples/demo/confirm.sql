-- A guest confirms: three tables in one commit.
\set booking random(1, 100000)
\set amount random(150000, 240000)
BEGIN;
UPDATE bookings SET status = 'confirmed', confirmed_at = now() WHERE booking_id = :booking;
INSERT INTO payments (booking_id, amount_cents, status) VALUES (:booking, :amount, 'authorized');
UPDATE cabin_inventory c SET reserved = true FROM bookings b
    WHERE b.booking_id = :booking AND c.sailing_id = b.sailing_id AND c.cabin_id = b.cabin_id;
COMMIT;

-- A guest cancels: the payments go, the cabin is free again.
\set booking random(1, 100000)
BEGIN;
UPDATE bookings SET status = 'cancelled', confirmed_at = NULL WHERE booking_id = :booking;
DELETE FROM payments WHERE booking_id = :booking;
UPDATE cabin_inventory c SET reserved = false FROM bookings b
    WHERE b.booking_id = :booking AND c.sailing_id = b.sailing_id AND c.cabin_id = b.cabin_id;
COMMIT;

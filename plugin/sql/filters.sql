-- include_tables, exclude_tables and origin decide what is captured.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA filters;
SET search_path = filters;
CREATE SCHEMA filters_b;
CREATE TABLE orders (id int PRIMARY KEY);
CREATE TABLE orders_2026 (id int PRIMARY KEY);
CREATE TABLE other (id int PRIMARY KEY);
CREATE TABLE filters_b.orders (id int PRIMARY KEY);
SELECT 'slot' FROM pg_create_logical_replication_slot('filters', 'cdc_envelope');
BEGIN;
INSERT INTO orders VALUES (1);
INSERT INTO orders_2026 VALUES (2);
INSERT INTO other VALUES (3);
INSERT INTO filters_b.orders VALUES (4);
TRUNCATE other, orders;
ALTER TABLE other ADD n int;
COMMIT;
CREATE FUNCTION pg_temp.seen(VARIADIC options text[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s %s.%s %s', e ->> 'op_type', e ->> 'schema', e ->> 'table', e ->> 'seq'), ', ' ORDER BY n)
      FROM (SELECT data::json AS e, row_number() OVER () AS n FROM pg_logical_slot_peek_changes('filters', NULL, NULL, VARIADIC options)) s $$;
SELECT pg_temp.seen('ddl', 'on');
SELECT pg_temp.seen('include_tables', 'filters.orders');
SELECT pg_temp.seen('include_tables', 'filters.orders*');
SELECT pg_temp.seen('include_tables', '*.orders');
SELECT pg_temp.seen('include_tables', 'filters.o*er*,filters_b.*');
SELECT pg_temp.seen('include_tables', '*.*', 'exclude_tables', '*.orders*');
SELECT pg_temp.seen('exclude_tables', 'filters.*');
SELECT pg_temp.seen('include_tables', 'filters.orders,filters.other', 'exclude_tables', 'filters.other');
-- blanks around an item are none of its names
SELECT pg_temp.seen('include_tables', ' filters.orders , filters.other ', 'exclude_tables', E'filters_b.*,\tfilters.other');
SELECT pg_temp.seen('include_tables', 'filters.orders," filters".other,filters."other "');
SELECT pg_temp.seen('include_tables', 'filters.orders, ');
-- an exclusion that excludes nothing is told, unless it has a *
SELECT pg_temp.seen('include_tables', '*.other*', 'exclude_tables', 'filters.Other,filters.none,filters.x*,filters.orders');
SELECT pg_temp.seen('include_tables', 'FILTERS.orders') IS NULL;
SELECT pg_temp.seen('include_tables', 'filters.order') IS NULL;
-- a transaction of which nothing is captured is silent
SELECT pg_temp.events('filters', 'include_tables', 'nothing.here', 'transactions', 'on');
-- what came by replication, and what did not
SELECT 'origin' FROM pg_replication_origin_create('cdc_envelope filters');
SELECT 'replaying' WHERE pg_replication_origin_session_setup('cdc_envelope filters') IS NOT NULL;
INSERT INTO orders VALUES (10);
SELECT 'sent' FROM pg_logical_emit_message(true, 'from', 'afar');
SELECT 'done' WHERE pg_replication_origin_session_reset() IS NOT NULL;
INSERT INTO orders VALUES (11);
SELECT pg_temp.seen('origin', 'any');
SELECT pg_temp.seen('origin', 'none');
SELECT 'dropped' WHERE pg_replication_origin_drop('cdc_envelope filters') IS NOT NULL;
SET client_min_messages = warning;
DROP SCHEMA filters_b CASCADE;
SELECT pg_drop_replication_slot('filters');
SET client_min_messages = warning;
DROP SCHEMA filters CASCADE;

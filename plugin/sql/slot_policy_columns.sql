-- needs PostgreSQL 15
-- Column lists of publications, those of the slot's policy and of the client.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
CREATE FUNCTION pg_temp.seen(VARIADIC options text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    lines text;
BEGIN
    SELECT string_agg(concat_ws(' ', e ->> 'op_type', coalesce(e ->> 'partition', e ->> 'table', e #>> '{message,prefix}'),
                     CASE WHEN e ->> 'op_type' <> 's' THEN coalesce(e ->> 'after', e ->> 'before') END), E'\n' ORDER BY n) INTO lines
      FROM (SELECT data::json AS e, row_number() OVER () AS n FROM pg_logical_slot_peek_changes('policy_columns', NULL, NULL, VARIADIC options)) s;
    RETURN lines;
END $$;
\set ECHO all
CREATE SCHEMA policy_columns;
SET search_path = policy_columns;
CREATE TABLE orders (id int PRIMARY KEY, item text, card text, note text, qty int);
CREATE TABLE staff (name text PRIMARY KEY);
CREATE TABLE wages (id int PRIMARY KEY, amount int);
SELECT 'slot' FROM pg_create_logical_replication_slot('policy_columns', 'cdc_envelope');
INSERT INTO orders VALUES (1, 'pear', '4111', 'call', 7);
TRUNCATE orders;
-- publications of the policy and of the client: what both have
SET client_min_messages = error;
CREATE PUBLICATION regress_policy_all FOR ALL TABLES;
CREATE PUBLICATION regress_policy_inserts FOR TABLE orders (id, item, note), staff WITH (publish = 'insert');
CREATE PUBLICATION regress_policy_notes FOR TABLE orders (id, note) WITH (publish = 'insert, update, truncate');
CREATE PUBLICATION regress_policy_cards FOR TABLE orders (id, card, item);
RESET client_min_messages;
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, publication_names) VALUES ('policy_columns', '{*.*}', '{regress_policy_inserts}');
INSERT INTO orders VALUES (3, 'fig', '4333', 'call', 7);
UPDATE orders SET item = 'date' WHERE id = 3;
INSERT INTO wages VALUES (3, 3000);
SELECT pg_temp.seen('transactions', 'on');
SELECT pg_temp.seen('publication_names', 'regress_policy_all');
SELECT pg_temp.seen('publication_names', 'regress_policy_notes');
SELECT pg_temp.seen('publication_names', 'regress_policy_cards');
ALTER TABLE orders ADD extra int;
SELECT line::json #> '{after,columns}' FROM pg_temp.peek('policy_columns') line WHERE line ~ '"op_type":"s"';
-- a table that is gone: no publication says any more which of its columns it showed
CREATE TABLE brief (id int PRIMARY KEY, shown text, hidden text);
ALTER PUBLICATION regress_policy_inserts ADD TABLE brief (id, shown);
DROP TABLE brief;
SELECT line::json #> '{before,columns}' FROM pg_temp.peek('policy_columns') line WHERE line ~ '"op_type":"s".*"table":"brief"' AND line ~ 'DROP TABLE';
-- a key that the publications of the policy leave out is not named
CREATE TABLE keyed (id int PRIMARY KEY, shown text);
CREATE PUBLICATION regress_policy_keyless FOR TABLE keyed (shown) WITH (publish = 'insert');
UPDATE cdc_envelope.slot_policy SET publication_names = '{regress_policy_keyless}';
ALTER TABLE keyed ADD more int;
SELECT line::json -> 'after' FROM pg_temp.peek('policy_columns') line WHERE line ~ 'keyed' AND line ~ 'ALTER TABLE';
UPDATE cdc_envelope.slot_policy SET publication_names = '{}';
SELECT pg_temp.seen('publication_names', 'regress_policy_all') IS NULL;
-- captures() too
SELECT c::regclass, cdc_envelope.captures(c::regclass, '{publication_names=regress_policy_notes}') FROM unnest('{orders,wages,staff}'::text[]) c;
DELETE FROM cdc_envelope.slot_policy;
SELECT pg_drop_replication_slot('policy_columns');
SET client_min_messages = warning;
DROP PUBLICATION regress_policy_all, regress_policy_inserts, regress_policy_notes, regress_policy_cards, regress_policy_keyless;
DROP SCHEMA policy_columns CASCADE;

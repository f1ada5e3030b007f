-- cdc_envelope.slot_policy: what a slot may emit, whatever its client asks for.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA policy;
SET search_path = policy;
CREATE TABLE orders (id int PRIMARY KEY, item text, card text, note text);
CREATE TABLE salaries (id int PRIMARY KEY, amount int);
CREATE TABLE parts (id int PRIMARY KEY, secret text) PARTITION BY RANGE (id);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE staff (name text PRIMARY KEY);
-- a role that can do nothing but replicate
CREATE ROLE regress_policy_reader LOGIN REPLICATION;
GRANT USAGE ON SCHEMA cdc_envelope TO regress_policy_reader;
SELECT 'slot' FROM pg_create_logical_replication_slot('policy', 'cdc_envelope');
CREATE FUNCTION pg_temp.seen(VARIADIC options text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    lines text;
BEGIN
    SET LOCAL ROLE regress_policy_reader;
    SELECT string_agg(concat_ws(' ', e ->> 'op_type', coalesce(e ->> 'partition', e ->> 'table', e #>> '{message,prefix}'),
                     CASE WHEN e ->> 'op_type' <> 's' THEN coalesce(e ->> 'after', e ->> 'before') END), E'\n' ORDER BY n) INTO lines
      FROM (SELECT data::json AS e, row_number() OVER () AS n FROM pg_logical_slot_peek_changes('policy', NULL, NULL, VARIADIC options)) s;
    RESET ROLE;
    RETURN lines;
END $$;
BEGIN;
INSERT INTO orders VALUES (1, 'pear', '4111', 'call');
INSERT INTO salaries VALUES (1, 1000);
INSERT INTO parts VALUES (1, 'x');
SELECT 'sent' FROM pg_logical_emit_message(true, 'salary', '1000');
TRUNCATE salaries, orders;
ALTER TABLE salaries RENAME TO wages;
ALTER TABLE wages ADD bonus int;
ALTER TABLE orders ADD qty int DEFAULT 7;
INSERT INTO orders VALUES (2, 'plum', '4222', 'call');
COMMIT;
-- no row: everything, as PostgreSQL does
SELECT pg_temp.seen('transactions', 'on');
-- a row holds for what was written before it too; nothing of what it leaves out is left, in any event
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, columns, masks) VALUES ('policy', '{policy.orders,policy.parts}',
    '{policy.orders.id,policy.orders.item,policy.orders.card}', '{policy.orders.card:redact,policy.parts.secret:redact}');
SELECT pg_temp.peek('policy', 'transactions', 'on');
SELECT count(*) FROM pg_temp.peek('policy', 'transactions', 'on', 'messages', 'all') line WHERE line ~ 'salar|wages|bonus|4111|4222|call|note|qty';
-- options narrow it
SELECT pg_temp.seen('exclude_tables', '*.parts');
SELECT pg_temp.seen('mask', 'policy.orders.item:redact', 'include_tables', 'policy.orders', 'ddl', 'off');
-- and widen nothing
SELECT pg_temp.seen('include_tables', '*.salaries,*.wages', 'messages', 'all');
SELECT pg_temp.seen('mask', 'policy.orders.card:hash', 'include_tables', 'policy.orders', 'ddl', 'off');
SELECT pg_temp.seen('slot', 'other');
SELECT pg_temp.seen('partition', 'root', 'include_tables', 'policy.parts');
-- a name that the policy lets through shows nothing of what the table was called before
UPDATE cdc_envelope.slot_policy SET include_tables = '{policy.wages}', columns = '{}', masks = '{}';
SELECT pg_temp.seen('ddl', 'on');
-- messages and the text of commands, where the row says so
UPDATE cdc_envelope.slot_policy SET include_tables = '{policy.orders}', messages = 'transactional', statements = true;
SELECT pg_temp.seen('messages', 'all');
SELECT pg_temp.seen('messages', 'off');
SELECT line::json -> 'ddl' FROM pg_temp.peek('policy') line WHERE line ~ '"op_type":"s"';
-- a table that is excluded
UPDATE cdc_envelope.slot_policy SET include_tables = '{*.*}', exclude_tables = '{policy.*s,policy.parts_*}', messages = DEFAULT;
SELECT pg_temp.seen('ddl', 'off') IS NULL;
-- publications of the policy and of the client: what both have (slot_policy_columns.sql has their column lists)
SET client_min_messages = error;
CREATE PUBLICATION regress_policy_all FOR ALL TABLES;
CREATE PUBLICATION regress_policy_inserts FOR TABLE orders, staff WITH (publish = 'insert');
CREATE PUBLICATION regress_policy_updates FOR TABLE orders WITH (publish = 'update, truncate');
RESET client_min_messages;
UPDATE cdc_envelope.slot_policy SET include_tables = '{*.*}', exclude_tables = '{}', publication_names = '{regress_policy_inserts}';
INSERT INTO orders VALUES (3, 'fig', '4333', 'call', 7);
UPDATE orders SET item = 'date' WHERE id = 3;
INSERT INTO wages VALUES (3, 3000);
SELECT pg_temp.seen('transactions', 'on');
SELECT pg_temp.seen('publication_names', 'regress_policy_all');
SELECT pg_temp.seen('publication_names', 'regress_policy_updates', 'ddl', 'off') IS NULL;
UPDATE cdc_envelope.slot_policy SET publication_names = '{}';
SELECT pg_temp.seen('publication_names', 'regress_policy_all') IS NULL;
-- fails closed: a publication that is not there, a key that would be hidden or masked
UPDATE cdc_envelope.slot_policy SET publication_names = '{regress_policy_none}';
SELECT pg_temp.seen('ddl', 'off');
UPDATE cdc_envelope.slot_policy SET publication_names = NULL, columns = '{policy.orders.item}';
SELECT pg_temp.seen('ddl', 'off');
UPDATE cdc_envelope.slot_policy SET columns = '{}', masks = '{policy.orders.id:hash}';
SELECT pg_temp.seen('ddl', 'off');
-- the slot's own row holds, not the one of *; that one is every other slot's
UPDATE cdc_envelope.slot_policy SET masks = '{}', include_tables = '{policy.staff}';
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables) VALUES ('*', '{policy.orders}');
INSERT INTO staff VALUES ('jo');
SELECT pg_temp.seen('ddl', 'off');
DELETE FROM cdc_envelope.slot_policy WHERE slot_name = 'policy';
SELECT pg_temp.seen('ddl', 'off');
UPDATE cdc_envelope.slot_policy SET include_tables = '{}';
SELECT pg_temp.seen('ddl', 'off') IS NULL;
-- encode() and captures() with the slot's name go by its policy
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, masks) VALUES ('policy', '{policy.orders}', '{policy.orders.card:redact}');
SELECT cdc_envelope.encode(o, 'r', '0/0', '2026-01-01Z', '{evidence=literal,slot=policy}') FROM orders o WHERE id = 3;
SELECT cdc_envelope.encode(o, 'r', '0/0', '2026-01-01Z', '{evidence=literal,slot=policy,projection=p}')::json ->> 'evidence_id' FROM orders o WHERE id = 3;
SELECT cdc_envelope.encode(w, 'r', '0/0', '2026-01-01Z', '{slot=policy}') FROM wages w;
SELECT cdc_envelope.encode(o, 'r', '0/0', '2026-01-01Z', '{slot=another}') FROM orders o;
SELECT cdc_envelope.encode(o, 'r', '0/0', '2026-01-01Z', '{slot=}') FROM orders o;
SELECT cdc_envelope.encode(o, 'r', '0/0', '2026-01-01Z', '{slot=a,slot=b}') FROM orders o;
SELECT c::regclass, cdc_envelope.captures(c::regclass, '{slot=policy}') AS policy, cdc_envelope.captures(c::regclass) AS all,
       cdc_envelope.captures(c::regclass, '{publication_names=regress_policy_inserts}') AS published
  FROM unnest('{orders,wages,staff,parts_a,cdc_envelope.slot_policy,cdc_envelope.schema_history,pg_class}'::text[]) c;
-- one query sees a policy that changes on the way, and one that goes
CREATE FUNCTION pg_temp.run(command text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; END $$;
SELECT o.id, cdc_envelope.encode(o, 'r', '0/0', now(), '{slot=policy}')::json #>> '{after,item}' AS item,
       pg_temp.run($$UPDATE cdc_envelope.slot_policy SET masks = '{policy.orders.item:redact}' WHERE slot_name = 'policy'$$) FROM orders o;
SELECT o.id, cdc_envelope.encode(o, 'r', '0/0', now(), '{slot=policy}')::json #>> '{after,item}' AS item, pg_temp.run('TRUNCATE cdc_envelope.slot_policy') FROM orders o;
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables) VALUES ('policy', '{policy.orders}'), ('*', '{}');
-- a column that there is not is told when it is written, and to whoever streams
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, columns, masks) VALUES ('told', '{}', '{policy.orders.itme}', '{policy.order.id:hash,policy.salaries.amount:redact}');
DELETE FROM cdc_envelope.slot_policy WHERE slot_name = 'told';
UPDATE cdc_envelope.slot_policy SET masks = '{policy.orders.crad:redact}' WHERE slot_name = 'policy';
SELECT pg_temp.seen('include_tables', 'policy.none');
-- malformed: refused when it is written
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables) VALUES ('Upper', '{}');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables) VALUES ('x', '{orders}');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables) VALUES ('x', '{a.b,NULL}');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables) VALUES ('x', '{""}');
INSERT INTO cdc_envelope.slot_policy (slot_name) VALUES ('x');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, exclude_tables) VALUES ('x', '{}', '{a.b.c}');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, columns) VALUES ('x', '{}', '{a.b}');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, masks) VALUES ('x', '{}', '{a.b.c}');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, masks) VALUES ('x', '{}', '{a.b.c:blur}');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, publication_names) VALUES ('x', '{}', '{""}');
INSERT INTO cdc_envelope.slot_policy (slot_name, include_tables, messages) VALUES ('x', '{}', 'some');
SET session_replication_role = replica;
UPDATE cdc_envelope.slot_policy SET columns = '{broken}' WHERE slot_name = 'policy';
RESET session_replication_role;
-- malformed all the same: nothing is sent
ALTER TABLE cdc_envelope.slot_policy DISABLE TRIGGER check_slot_policy;
UPDATE cdc_envelope.slot_policy SET columns = '{broken}' WHERE slot_name = 'policy';
ALTER TABLE cdc_envelope.slot_policy ENABLE ALWAYS TRIGGER check_slot_policy;
SELECT pg_temp.seen('ddl', 'off');
SELECT cdc_envelope.encode(o, 'r', '0/0', now(), '{slot=policy}') FROM orders o;
-- its owner's alone
SET ROLE regress_policy_reader;
SELECT count(*) FROM cdc_envelope.slot_policy;
UPDATE cdc_envelope.slot_policy SET columns = '{}';
DELETE FROM cdc_envelope.slot_policy;
TRUNCATE cdc_envelope.slot_policy;
SELECT cdc_envelope.check_slot_policy();
RESET ROLE;
TRUNCATE cdc_envelope.slot_policy;
SELECT pg_temp.seen('include_tables', '*.orders', 'ddl', 'off');
-- it goes with a dump
SELECT count(*) FROM pg_extension x, unnest(x.extconfig) t WHERE extname = 'cdc_envelope' AND t = 'cdc_envelope.slot_policy'::regclass;
SELECT pg_drop_replication_slot('policy');
SET client_min_messages = warning;
REVOKE USAGE ON SCHEMA cdc_envelope FROM regress_policy_reader;
DROP ROLE regress_policy_reader;
DROP PUBLICATION regress_policy_all, regress_policy_inserts, regress_policy_updates;
DROP SCHEMA policy CASCADE;

-- What is committed comes, whole and in commit order, and nothing else.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
CREATE SCHEMA transactions;
SET search_path = transactions;
CREATE TABLE a (id int PRIMARY KEY, n int);
CREATE TABLE b (id int PRIMARY KEY, n int);
CREATE UNLOGGED TABLE unlogged (id int);
SELECT 'slot' FROM pg_create_logical_replication_slot('transactions', 'cdc_envelope');
BEGIN;
INSERT INTO b VALUES (1, 1);
INSERT INTO a VALUES (1, 1);
UPDATE b SET n = 2;
DELETE FROM a;
COMMIT;
-- nothing to say: no event, not even b and e
BEGIN;
COMMIT;
BEGIN;
INSERT INTO a VALUES (2, 2);
ROLLBACK;
INSERT INTO unlogged VALUES (1);
CREATE TEMP TABLE passing (id int);
INSERT INTO passing VALUES (1);
BEGIN;
SELECT 1 FROM b FOR UPDATE;
COMMIT;
-- subtransactions: what was rolled back leaves no gap in seq
BEGIN;
INSERT INTO a VALUES (3, 3);
SAVEPOINT one;
INSERT INTO a VALUES (4, 4);
SAVEPOINT two;
INSERT INTO a VALUES (5, 5);
ROLLBACK TO two;
INSERT INTO a VALUES (6, 6);
RELEASE one;
SAVEPOINT three;
INSERT INTO a VALUES (7, 7);
ROLLBACK TO three;
INSERT INTO b VALUES (8, 8);
COMMIT;
-- the order is that of the commits
SELECT pg_temp.events('transactions', 'transactions', 'on');
COPY a FROM stdin;
10	1
11	\N
12	3
\.
INSERT INTO a VALUES (10, 99), (13, 4) ON CONFLICT (id) DO UPDATE SET n = excluded.n;
INSERT INTO a VALUES (10, 100) ON CONFLICT DO NOTHING;
UPDATE a SET n = n WHERE id = 13;
WITH moved AS (DELETE FROM a WHERE id = 12 RETURNING *) INSERT INTO b SELECT * FROM moved;
SELECT pg_temp.events('transactions');
-- prepared: at its commit, not before
BEGIN;
INSERT INTO a VALUES (20, 20);
PREPARE TRANSACTION 'cdc_envelope transactions 1';
INSERT INTO a VALUES (21, 21);
SELECT pg_temp.events('transactions', 'transactions', 'on');
COMMIT PREPARED 'cdc_envelope transactions 1';
BEGIN;
INSERT INTO a VALUES (22, 22);
PREPARE TRANSACTION 'cdc_envelope transactions 2';
ROLLBACK PREPARED 'cdc_envelope transactions 2';
SELECT pg_temp.events('transactions', 'transactions', 'on');
-- many subtransactions, a third of them rolled back, and a transaction that spills to disk: counted, not shown
SET logical_decoding_work_mem = '64kB';
DO $$
BEGIN
    FOR i IN 1000..3999 LOOP
        BEGIN
            INSERT INTO a VALUES (i, i);
            IF i % 3 = 0 THEN RAISE EXCEPTION 'back'; END IF;
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
END $$;
SELECT e ->> 'op_type', count(*), min((e ->> 'seq')::int), max((e ->> 'seq')::int), count(DISTINCT e ->> 'seq'),
       max(e ->> 'events'), max(e ->> 'tables'), count(*) FILTER (WHERE (e -> 'key' ->> 'id')::int % 3 = 0) AS rolled_back
FROM (SELECT pg_temp.events('transactions', 'transactions', 'on')::json AS e) AS events GROUP BY 1 ORDER BY 1;
RESET logical_decoding_work_mem;
-- the stamp is the commit's: one time, one LSN, one transaction id for all of a transaction; LSNs grow
INSERT INTO b VALUES (30, 1);
BEGIN;
INSERT INTO b VALUES (31, 1), (32, 1);
COMMIT;
SELECT count(DISTINCT e ->> 'commit_lsn'), count(DISTINCT e ->> 'xid'), count(DISTINCT e ->> 'ts_source'),
       max((e ->> 'ts_source')::timestamptz) <= now(), max((e ->> 'ts_source')::timestamptz) > now() - interval '1 hour',
       bool_and((e ->> 'commit_lsn')::pg_lsn < coalesce((e ->> 'end_lsn')::pg_lsn, 'FFFFFFFF/FFFFFFFF')),
       array_agg(e ->> 'op_type' ORDER BY (e ->> 'commit_lsn')::pg_lsn, array_position('{b,c,e}', e ->> 'op_type'), (e ->> 'seq')::int)
FROM (SELECT data::json AS e FROM pg_logical_slot_get_changes('transactions', NULL, NULL, 'transactions', 'on')) AS events;
SELECT pg_drop_replication_slot('transactions');
SET client_min_messages = warning;
DROP SCHEMA transactions CASCADE;

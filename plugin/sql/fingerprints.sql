-- A definition has the same fingerprint on every PostgreSQL: it goes with dumps and upgrades from one major to the next, and
-- consumers keep it. What is expected here is written down once, for all of them; none of it may ever change.
CREATE SCHEMA fingerprints;
CREATE SCHEMA "Other ""schema""";
SET search_path = fingerprints;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE "Pair, two" AS (a int, b text);
CREATE TYPE "Other ""schema""".span AS RANGE (subtype = date);
CREATE DOMAIN "Other ""schema""".positive AS numeric(12, 3) CHECK (value > 0);
CREATE TABLE numbers (a smallint, b int, c bigint, d oid, e real, f double precision, g numeric, h numeric(10), i numeric(10, 2), j money, k bool, l serial,
    m bigint GENERATED ALWAYS AS IDENTITY, n int GENERATED ALWAYS AS (b + 1) STORED);
CREATE TABLE texts (a text, b varchar, c varchar(10), d char, e char(3), f "char", g name, h bytea, i bit, j bit(5), k varbit, l varbit(7), m uuid, n json, o jsonb,
    p xml, q inet, r cidr, s macaddr, t macaddr8, u tsvector, v tsquery, w jsonpath, x text COLLATE "C");
CREATE TABLE times (a date, b time, c time(2), d timetz, e timetz(0), f timestamp, g timestamp(3), h timestamptz, i timestamptz(6), j interval, k interval(3),
    l interval day to second(1), m interval year);
CREATE TABLE shapes (a point, b line, c lseg, d box, e path, f polygon, g circle, h int4range, i int8range, j numrange, k tsrange, l tstzrange, m daterange);
CREATE TABLE system_types (a regclass, b regproc, c regtype, d pg_lsn, e txid_snapshot, f tid, g xid, h cid, i xid8, j int2vector, k oidvector, l pg_snapshot);
CREATE TABLE own_types (a mood, b mood[], c "Pair, two", d "Pair, two"[], e "Other ""schema""".span, f "Other ""schema""".positive, g "Other ""schema""".positive[]);
CREATE TABLE arrays (a int[], b text[][], c varchar(10)[], d numeric(10, 2)[], e timestamptz(3)[], f int4range[], g interval(2)[], h bit(3)[]);
CREATE TABLE "Odd ""names"" {}[],\" ("a b" int, "key"":[" text, "{""name"":" int, "ü" int, "a.b" int, "tab	" int, PRIMARY KEY ("key"":[", "a b"));
CREATE TABLE nothing ();
CREATE TABLE no_key (a int NOT NULL, b int);
CREATE TABLE key_order (c int, b int, a int, PRIMARY KEY (a, c));
CREATE TABLE key_deferred (a int PRIMARY KEY DEFERRABLE, b int);
CREATE TABLE key_including (a int, b int, PRIMARY KEY (a) INCLUDE (b));
CREATE TABLE identity_full (a int PRIMARY KEY, b int);
ALTER TABLE identity_full REPLICA IDENTITY FULL;
CREATE TABLE identity_nothing (a int PRIMARY KEY, b int);
ALTER TABLE identity_nothing REPLICA IDENTITY NOTHING;
CREATE TABLE identity_index (a int PRIMARY KEY, b int NOT NULL, c int NOT NULL);
CREATE UNIQUE INDEX identity_index_cb ON identity_index (c, b);
ALTER TABLE identity_index REPLICA IDENTITY USING INDEX identity_index_cb;
CREATE TABLE altered (gone int, a int, b int, c int NOT NULL);
ALTER TABLE altered DROP gone;
ALTER TABLE altered ADD d text DEFAULT 'd' NOT NULL, ALTER c DROP NOT NULL, ALTER b TYPE bigint;
ALTER TABLE altered RENAME a TO z;
CREATE TABLE root (b text, a int, PRIMARY KEY (a)) PARTITION BY RANGE (a);
CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (9);
CREATE TABLE parent (a int PRIMARY KEY, b int);
CREATE TABLE child (c int) INHERITS (parent);
CREATE UNLOGGED TABLE unlogged (a int PRIMARY KEY);
\pset format unaligned
\pset tuples_only on
CREATE TEMP VIEW fingerprint_of AS SELECT c.relname COLLATE "C" AS name, cdc_envelope.table_definition(c.oid) AS definition FROM pg_class c
    WHERE c.relnamespace = 'fingerprints'::regnamespace AND c.relkind IN ('r', 'p');
SELECT name || ' ' || definition FROM fingerprint_of ORDER BY name;
-- SHA-256 of the definition up to it
SELECT name FROM fingerprint_of WHERE definition::json ->> 'fingerprint' IS DISTINCT FROM
    'sha256:' || encode(sha256(convert_to(left(definition, strpos(definition, ',"fingerprint":') - 1), 'UTF8')), 'hex');
-- whatever the session
SELECT md5(string_agg(definition, '' ORDER BY name)) AS plain FROM fingerprint_of \gset
SET search_path = '';
SET quote_all_identifiers = on;
SELECT md5(string_agg(definition, '' ORDER BY name)) = :'plain' FROM pg_temp.fingerprint_of;
RESET quote_all_identifiers;
-- and it is what the history has
SELECT count(*) FROM pg_temp.fingerprint_of f JOIN cdc_envelope.schema_history h ON h.table_name = f.name AND h.schema_name = 'fingerprints' AND h.definition = f.definition
    AND f.definition::json ->> 'fingerprint' = h.fingerprint;
SET client_min_messages = warning;
DROP SCHEMA fingerprints, "Other ""schema""" CASCADE;

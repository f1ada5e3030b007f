-- needs extension postgis
-- Its types as their output functions write them; what spatial_ref_sys says is not asked.
\getenv abs_srcdir PG_ABS_SRCDIR
\set ECHO none
\set stream :abs_srcdir '/sql/stream.inc'
\i :stream
\set ECHO all
SET client_min_messages = warning;
CREATE SCHEMA types_postgis;
CREATE EXTENSION postgis SCHEMA types_postgis;
SET search_path = types_postgis;
CREATE TABLE t (id int PRIMARY KEY, g geometry, p geometry(PointZM, 4326), gg geometry[], w geography, b box2d, bb box3d);
SELECT 'slot' FROM pg_create_logical_replication_slot('types_postgis', 'cdc_envelope');
INSERT INTO t VALUES (1, 'POLYGON((0 0,1 0,1 1,0 0))', 'SRID=4326;POINT ZM(1 2 3 4)', ARRAY['POINT EMPTY', NULL, 'LINESTRING(0 0,1e300 -0.5)']::geometry[],
    'POINT(8.55 47.37)', 'BOX(0 0,1.5 2)', 'BOX3D(0 0 0,1 2 3)');
INSERT INTO t (id) VALUES (2);
UPDATE t SET g = 'CIRCULARSTRING(0 0,1 1,2 0)' WHERE id = 1;
CREATE TEMP TABLE seen AS SELECT data::json AS e FROM pg_logical_slot_get_changes('types_postgis', NULL, NULL);
SELECT e -> 'after' FROM seen WHERE e ->> 'op_type' <> 's';
-- and back
SELECT count(*) FROM t JOIN seen ON e -> 'after' ->> 'id' = t.id::text AND e ->> 'op_type' <> 's'
    WHERE json_populate_record(NULL::t, e -> 'after')::text = t::text;
-- a geometry as a key, and what a snapshot reads
CREATE TABLE k (g geometry PRIMARY KEY);
INSERT INTO k VALUES ('POINT(1 2)');
SELECT cdc_envelope.encode(k, 'r', '0/1', '2026-01-01 00:00Z', '{cluster=c}')::json ->> 'source_id' FROM k;
SELECT pg_drop_replication_slot('types_postgis');
DROP SCHEMA types_postgis CASCADE;

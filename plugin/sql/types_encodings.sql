-- Databases of other encodings: events are ASCII, text is converted, and a byte that is no character is \xhh.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
\set home :DBNAME
CREATE DATABASE cdc_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE cdc_euc_jp ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE cdc_win1252 ENCODING 'WIN1252' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CREATE DATABASE cdc_sql_ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;

\c cdc_latin1
CREATE EXTENSION cdc_envelope;
SET client_encoding = 'UTF8';
CREATE TABLE "täble" (id int PRIMARY KEY, "cölumn" text, j json, b jsonb, a text[], z text[]);
INSERT INTO "täble" VALUES (1, 'déjà "vu"', '{ "é" : "ü" }', '{ "é" : "ü" }', '{é}', '[0:1]={é,"ü x"}'), (2, NULL, '"\u00e9"', '"\u00e9"', NULL, NULL);
SELECT :event FROM "täble" rec ORDER BY id;
SELECT cdc_envelope.encode(rec, 'r', '0/16B4F20', '2026-02-07T05:55:21.123456Z', ARRAY['cluster=c', 'projection=p', 'json=string'])
FROM "täble" rec ORDER BY id;
-- a key is percent-encoded UTF-8
CREATE TABLE keyed (k text PRIMARY KEY);
INSERT INTO keyed VALUES ('é/ü');
SELECT (:event)::json ->> 'source_id' FROM keyed rec;
SELECT id FROM "täble" rec WHERE (json_populate_record(NULL::"täble", :after))."cölumn" IS DISTINCT FROM "cölumn";
-- every character of the encoding
CREATE TABLE characters AS SELECT chr(c) AS t FROM generate_series(1, 255) c;
SELECT count(*) FROM characters rec WHERE :after ->> 't' IS DISTINCT FROM t OR (:event) ~ '[^\x20-\x7f]';

\c cdc_euc_jp
CREATE EXTENSION cdc_envelope;
SET client_encoding = 'UTF8';
CREATE TABLE texts (id int PRIMARY KEY, t text);
INSERT INTO texts VALUES (1, '日本語 "x"'), (2, repeat('あ', 1000) || 'b');
SELECT :event FROM texts rec WHERE id = 1;
SELECT (:after -> 't')::text = '"' || repeat('\u3042', 1000) || 'b"' FROM texts rec WHERE id = 2;

-- 0x81 is valid in WIN1252 to PostgreSQL, and has no equivalent in Unicode
\c cdc_win1252
CREATE EXTENSION cdc_envelope;
CREATE TABLE texts (id int PRIMARY KEY, t text);
INSERT INTO texts VALUES (1, convert_from('\x80418142', 'WIN1252'));
SELECT :event FROM texts rec;

\c cdc_sql_ascii
CREATE EXTENSION cdc_envelope;
CREATE TABLE texts (id int PRIMARY KEY, t text, j json);
INSERT INTO texts VALUES
    (1, 'plain', '{"a" : 1}'),
    (2, convert_from('\x63616665cc81', 'SQL_ASCII'), ('{"' || convert_from('\xc3a9', 'SQL_ASCII') || '" : "' || convert_from('\xe9', 'SQL_ASCII') || '"}')::json),
    (3, convert_from('\x61e962f09f988063c3', 'SQL_ASCII'), NULL),
    (4, convert_from('\xfffe', 'SQL_ASCII'), NULL);
SELECT :event FROM texts rec ORDER BY id;
-- in a key, a byte that is no character is not the text that stands for it
CREATE TABLE keyed (k text, n name, PRIMARY KEY (k, n));
INSERT INTO keyed VALUES (convert_from('\xff', 'SQL_ASCII'), convert_from('\x61e9', 'SQL_ASCII')), ('\xff', 'a\xe9'), (convert_from('\xc3a9', 'SQL_ASCII'), '');
SELECT (regexp_match(:event, 'PK:[^"]*'))[1] FROM keyed rec ORDER BY 1;

\c :home
DROP DATABASE cdc_latin1;
DROP DATABASE cdc_euc_jp;
DROP DATABASE cdc_win1252;
DROP DATABASE cdc_sql_ascii;

-- needs libxml
-- XML, in a server that was built with it.
\set event 'cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'', ARRAY[''cluster=c'', ''projection=p''])'
\set after '(cdc_envelope.encode(rec, ''r'', ''0/16B4F20'', ''2026-02-07T05:55:21.123456Z'')::json -> ''after'')'
\pset format unaligned
\pset tuples_only on
CREATE TABLE marked (id int PRIMARY KEY, x xml, x_a xml[]);
INSERT INTO marked VALUES (1, '<a b="1">t &amp; u</a>', '{<a/>,"<b>ü</b>",NULL}'), (2, '', '[0:0]={<a/>}'), (3, NULL, NULL);
SELECT :event FROM marked rec ORDER BY id;

-- settings of the session have no say
CREATE TABLE plain AS SELECT id, (:event) AS event FROM marked rec;
SET xmlbinary = 'hex';
SET xmloption = 'document';
SELECT id FROM marked rec JOIN plain USING (id) WHERE :event <> event;
RESET xmloption;
RESET xmlbinary;

-- every row comes back (xml has no equality, so the rows are compared as text)
SELECT id FROM marked rec WHERE json_populate_record(NULL::marked, :after)::text IS DISTINCT FROM rec::text;
SELECT id FROM marked rec WHERE jsonb_populate_record(NULL::marked, (:after)::jsonb)::text IS DISTINCT FROM rec::text;
DROP TABLE marked, plain;

-- cdc_envelope 1.0: the history of table definitions, the event triggers that write it, and the encoder as SQL.
\echo Use "CREATE EXTENSION cdc_envelope" to load this file. \quit

-- Whoever owns the schema could put functions beside ours that ours would call as their owner.
DO $$
BEGIN
    IF (SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'cdc_envelope')
       <> (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION 'schema "cdc_envelope" exists and belongs to another role'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Drop or rename that schema first.';
    END IF;
END $$;

-- One row per version of a table's definition, written in the transaction of the DDL. A user catalog table: decoding
-- reads it as it was at the change, and its inserts are the stream's s events. Never update it, and never delete rows
-- that a slot may still need.
CREATE TABLE cdc_envelope.schema_history (
    schema_name text COLLATE "C" NOT NULL,
    table_name  text COLLATE "C" NOT NULL,
    version     integer NOT NULL,
    fingerprint text,             -- the definition's
    definition  text,             -- JSON; null: no table has the name from here on, it was dropped or renamed
    previous    text,             -- the definition before; null: the table was created
    tag         text NOT NULL,    -- of the command: ALTER TABLE
    statement   text,             -- the string it came in, with what else stood there; cut after 8192 bytes
    relation    oid NOT NULL,     -- tells a renamed table from a new one; 0: restored, and not found here as it says
    recorded_at timestamptz NOT NULL,
    publications text[],          -- of a dropped table: the publications that listed it
    restored    boolean NOT NULL DEFAULT false, -- came with a dump
    ancestors   text[],           -- of a dropped table: schema and name of each table it was a partition of, nearest first
    PRIMARY KEY (schema_name, table_name, version)
) WITH (user_catalog_table = true);

CREATE INDEX schema_history_relation ON cdc_envelope.schema_history (relation);

REVOKE ALL ON cdc_envelope.schema_history FROM PUBLIC;

COMMENT ON TABLE cdc_envelope.schema_history IS
    'one row per version of a table''s definition, written by event triggers in the transaction of the DDL';

-- The definition of a table as the envelope shows it; null where there is no such table.
CREATE FUNCTION cdc_envelope.table_definition(relation regclass) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cdc_envelope_table_definition';

-- The envelope of one row read by a query: byte for byte what the plugin sends for it.
--   op_type     r (snapshot), c, u or d
--   commit_lsn  for r: the snapshot's consistent point
--   options     the plugin's, as name=value
CREATE FUNCTION cdc_envelope.encode(
    "row" anyelement,
    op_type text,
    commit_lsn pg_lsn,
    ts_source timestamptz,
    options text[] DEFAULT '{}'
) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cdc_envelope_encode';

-- Whether the stream captures a table under these options, which may be those of encode(); null where there is none.
CREATE FUNCTION cdc_envelope.captures(relation regclass, options text[] DEFAULT '{}') RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cdc_envelope_captures';

-- The condition that the publications of these options have on the rows of a table, as SQL; null where they have none.
CREATE FUNCTION cdc_envelope.row_filter(relation regclass, options text[] DEFAULT '{}') RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cdc_envelope_row_filter';

-- Records the definitions of tables where they, or the tables' names, differ from what was recorded last; returns how
-- many did. In C, and so under a snapshot of its own: the transaction's may be from before another session's DDL
-- (REPEATABLE READ). wait: for DDL that is under way on each of them. keeps_columns: the command has changed no columns,
-- only what holds for them, so that it may belong to a restore (schema_recorder.cpp, is_restoring).
CREATE FUNCTION cdc_envelope.record_definitions(
    relations oid[], tag text, statement text, wait boolean, keeps_columns boolean
) RETURNS integer
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cdc_envelope_record_definitions';

-- Records the end of a table. publications and ancestors: as it can't be asked any more. tables: how many the command
-- drops.
CREATE FUNCTION cdc_envelope.record_drop(
    relation oid, schema_name text, table_name text, publications text[], ancestors text[], tag text, statement text,
    tables integer
) RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'cdc_envelope_record_drop';

-- Of a table that this transaction has dropped: schema and name of each table that it was a partition of, nearest first.
CREATE FUNCTION cdc_envelope.dropped_ancestors(relation oid) RETURNS text[]
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_envelope_dropped_ancestors';

-- For DDL that went round the event triggers: record() takes the present definition of one table into the history and
-- returns its version; record_all() does so for all tables, and records the end of those that are gone; it returns how
-- many definitions were not in the history. Superusers may call them, and whoever is granted EXECUTE.
CREATE FUNCTION cdc_envelope.record(relation regclass) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM cdc_envelope.record_definitions(ARRAY[record.relation::oid], 'RECORD', NULL, false, false);
    RETURN (SELECT h.version FROM cdc_envelope.schema_history h, pg_class c
             WHERE c.oid = record.relation AND h.table_name = c.relname AND h.schema_name = c.relnamespace::regnamespace::name
             ORDER BY h.version DESC LIMIT 1);
END $$;

CREATE FUNCTION cdc_envelope.record_all() RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone record;
    count integer := 0;
BEGIN
    FOR gone IN
        SELECT h.* FROM (SELECT DISTINCT ON (schema_name, table_name) * FROM cdc_envelope.schema_history
                          ORDER BY schema_name, table_name, version DESC) h
         WHERE h.definition IS NOT NULL AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = h.relation)
    LOOP
        PERFORM cdc_envelope.record_drop(gone.relation, gone.schema_name, gone.table_name, '{}', NULL, 'RECORD', NULL, 1);
        count := count + 1;
    END LOOP;
    RETURN count + cdc_envelope.record_definitions(ARRAY(
        SELECT c.oid FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384
         ORDER BY c.oid), 'RECORD', NULL, false, false);
END $$;

REVOKE ALL ON FUNCTION cdc_envelope.record_definitions(oid[], text, text, boolean, boolean),
    cdc_envelope.record_drop(oid, text, text, text[], text[], text, text, integer),
    cdc_envelope.dropped_ancestors(oid), cdc_envelope.record(regclass), cdc_envelope.record_all() FROM PUBLIC;

-- The tables whose definition a command on an object may have changed: the object itself, the table of an index or a
-- constraint, the tables that use a type, those of a schema or an extension; and for each its partitions and children.
CREATE FUNCTION cdc_envelope.tables_of(classid oid, objid oid) RETURNS oid[]
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cdc_envelope_tables_of';

-- Whether a command may have changed which columns a table has, not only what holds for them.
CREATE FUNCTION cdc_envelope.changes_columns(command pg_ddl_command) RETURNS boolean
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'cdc_envelope_changes_columns';
REVOKE ALL ON FUNCTION cdc_envelope.changes_columns(pg_ddl_command) FROM PUBLIC;

CREATE FUNCTION cdc_envelope.on_ddl_command_end() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- CREATE TABLE may be several commands here (its primary key's index is one): the tag is the statement's.
    PERFORM cdc_envelope.record_definitions(ARRAY(
        SELECT DISTINCT t.oid FROM pg_event_trigger_ddl_commands() c,
               LATERAL unnest(cdc_envelope.tables_of(c.classid, c.objid)) t(oid) ORDER BY t.oid),
        tg_tag, current_query(), false,
        (SELECT bool_and(NOT cdc_envelope.changes_columns(c.command)) FROM pg_event_trigger_ddl_commands() c));
END $$;

CREATE FUNCTION cdc_envelope.on_sql_drop() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Tables that are gone, with what they were partitions of and the publications that listed them under their own name:
    -- themselves, or, without publish_via_partition_root, a table that they were a partition of.
    PERFORM cdc_envelope.record_drop(d.objid, d.schema_name, d.object_name, d.publications, d.ancestors,
                                     tg_tag, current_query(), (count(*) OVER ())::integer)
       FROM (WITH dropped AS MATERIALIZED (SELECT * FROM pg_event_trigger_dropped_objects()),
                  gone AS MATERIALIZED (
                      SELECT objid, schema_name, object_name, cdc_envelope.dropped_ancestors(objid) AS ancestors
                        FROM dropped WHERE object_type = 'table' AND NOT is_temporary),
                  names AS (
                      SELECT objid, ARRAY[schema_name, object_name] AS name, true AS own FROM gone
                      UNION ALL SELECT objid, ancestors[i : i + 1], false FROM gone, generate_series(1, cardinality(ancestors), 2) i),
                  listed AS (
                      SELECT address_names AS name, address_args[1] AS publication FROM dropped
                       WHERE object_type = 'publication relation'
                      UNION ALL SELECT ARRAY[n.nspname::text, c.relname::text], p.pubname::text
                        FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid
                             JOIN pg_namespace n ON n.oid = c.relnamespace),
                  lists AS (
                      SELECT n.objid, array_agg(DISTINCT l.publication ORDER BY l.publication) AS publications
                        FROM names n JOIN listed l USING (name) LEFT JOIN pg_publication p ON p.pubname = l.publication
                       WHERE n.own OR p.pubviaroot IS NOT TRUE GROUP BY n.objid)
             SELECT g.*, coalesce(l.publications, '{}') AS publications FROM gone g LEFT JOIN lists l USING (objid)) d
      ORDER BY d.objid;
    -- Tables that have lost a column or a constraint.
    PERFORM cdc_envelope.record_definitions(ARRAY(
        WITH dropped AS MATERIALIZED (SELECT * FROM pg_event_trigger_dropped_objects() WHERE NOT is_temporary),
             gone AS (SELECT ARRAY[schema_name, object_name] AS name FROM dropped WHERE object_type = 'table'),
             lessened AS (SELECT DISTINCT to_regclass(format('%I.%I', d.address_names[1], d.address_names[2]))::oid AS oid
                            FROM dropped d WHERE d.object_type IN ('table column', 'table constraint')
                             AND d.address_names[1:2] NOT IN (SELECT name FROM gone))
        SELECT DISTINCT t.oid FROM lessened l, LATERAL unnest(cdc_envelope.tables_of('pg_class'::regclass::oid, l.oid)) t(oid)
         ORDER BY 1), tg_tag, current_query(), false, false);
    -- An index that did not go with its table or column may have been a replica identity; of which table is not known any
    -- more, but it was in this schema.
    IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE object_type = 'index' AND (original OR normal)) THEN
        PERFORM cdc_envelope.record_definitions(ARRAY(
            SELECT c.oid FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relreplident = 'i' AND c.relnamespace IN (
                SELECT to_regnamespace(quote_ident(d.schema_name)) FROM pg_event_trigger_dropped_objects() d
                 WHERE d.object_type = 'index' AND NOT d.is_temporary)
             ORDER BY c.oid), tg_tag, current_query(), false, false);
    END IF;
END $$;

-- pg_dump takes the history along. Its script makes the tables first, and the event triggers record that; then its own
-- rows come by COPY, and take the place of what was recorded under their names. They are bound to a table, by its OID,
-- as soon as it has the definition that they end with; until then a restore records nothing of it (schema_recorder.cpp).
SELECT pg_catalog.pg_extension_config_dump('cdc_envelope.schema_history', '');

-- Before any row is in: DDL beside a restore (pg_restore -j) records what it does when the restore is done, or has done so
-- before; else each could wait for a row of the other's.
CREATE FUNCTION cdc_envelope.on_restore() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE cdc_envelope.schema_history IN EXCLUSIVE MODE;
    RETURN NULL;
END $$;

CREATE FUNCTION cdc_envelope.on_restored_row() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM cdc_envelope.schema_history
     WHERE schema_name = NEW.schema_name AND table_name = NEW.table_name AND NOT restored;
    NEW.relation := 0;
    NEW.restored := true;
    RETURN NEW;
END $$;

CREATE FUNCTION cdc_envelope.on_restored() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM cdc_envelope.record_definitions(ARRAY(
        SELECT DISTINCT c.oid FROM restored_rows r, pg_class c
         WHERE c.relname = r.table_name AND c.relnamespace = to_regnamespace(quote_ident(r.schema_name)) ORDER BY c.oid),
        'RESTORE', NULL, false, true);
    RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION cdc_envelope.on_restore(), cdc_envelope.on_restored_row(), cdc_envelope.on_restored() FROM PUBLIC;

CREATE TRIGGER restore BEFORE INSERT ON cdc_envelope.schema_history
    FOR EACH STATEMENT EXECUTE FUNCTION cdc_envelope.on_restore();
CREATE TRIGGER restored_row BEFORE INSERT ON cdc_envelope.schema_history
    FOR EACH ROW EXECUTE FUNCTION cdc_envelope.on_restored_row();
CREATE TRIGGER restored AFTER INSERT ON cdc_envelope.schema_history REFERENCING NEW TABLE AS restored_rows
    FOR EACH STATEMENT EXECUTE FUNCTION cdc_envelope.on_restored();
ALTER TABLE cdc_envelope.schema_history ENABLE ALWAYS TRIGGER restore;
ALTER TABLE cdc_envelope.schema_history ENABLE ALWAYS TRIGGER restored_row;
ALTER TABLE cdc_envelope.schema_history ENABLE ALWAYS TRIGGER restored;

-- Decoding needs a user catalog table's present file even to read what lies before its end: with the history gone, a
-- slot that has any of its rows before it would stop for good, with "could not find pg_class entry" (relcache.c,
-- RelationInitPhysicalAddr), whatever its plugin. So while there are slots the library refuses to have it dropped, and
-- this trigger has it loaded (history_guard.cpp).
CREATE FUNCTION cdc_envelope.on_ddl_command_start() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cdc_envelope_on_ddl_command_start';

-- Emptied, it would leave the slots no versions.
CREATE FUNCTION cdc_envelope.refuse_truncate() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cdc_envelope_refuse_truncate';

REVOKE ALL ON FUNCTION cdc_envelope.refuse_truncate() FROM PUBLIC;

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON cdc_envelope.schema_history
    FOR EACH STATEMENT EXECUTE FUNCTION cdc_envelope.refuse_truncate();
ALTER TABLE cdc_envelope.schema_history ENABLE ALWAYS TRIGGER refuse_truncate;

REVOKE ALL ON FUNCTION cdc_envelope.on_ddl_command_end(), cdc_envelope.on_sql_drop(),
    cdc_envelope.on_ddl_command_start() FROM PUBLIC;

-- Version 1 of every table that exists.
SELECT cdc_envelope.record_definitions(pg_catalog.array_agg(c.oid ORDER BY c.oid), 'CREATE EXTENSION', NULL, true, false)
  FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p');

CREATE EVENT TRIGGER cdc_envelope_ddl_command_end ON ddl_command_end EXECUTE FUNCTION cdc_envelope.on_ddl_command_end();
CREATE EVENT TRIGGER cdc_envelope_sql_drop ON sql_drop EXECUTE FUNCTION cdc_envelope.on_sql_drop();
CREATE EVENT TRIGGER cdc_envelope_ddl_command_start ON ddl_command_start EXECUTE FUNCTION cdc_envelope.on_ddl_command_start();
ALTER EVENT TRIGGER cdc_envelope_ddl_command_start ENABLE ALWAYS;

-- What a slot may emit: the slot's own row holds, else that of '*', else nothing is kept back. The options that the
-- client gives narrow it further, and never widen it. Read as it is now, whatever is decoded.
CREATE TABLE cdc_envelope.slot_policy (
    slot_name         text COLLATE "C" PRIMARY KEY CHECK (slot_name ~ '^([*]|[a-z0-9_]{1,63})$'),
    include_tables    text[] NOT NULL,              -- schema.table, * for any run of characters; '{}': none
    exclude_tables    text[] NOT NULL DEFAULT '{}',
    columns           text[] NOT NULL DEFAULT '{}', -- schema.table.column: a table named here shows these columns alone
    masks             text[] NOT NULL DEFAULT '{}', -- schema.table.column:redact or :hash
    publication_names text[],                       -- what these have, with their row filters; null: not restricted by any
    messages          text NOT NULL DEFAULT 'off',  -- logical messages: off, transactional or all
    statements        boolean NOT NULL DEFAULT false -- s events carry the text of the command
) WITH (user_catalog_table = true);

REVOKE ALL ON cdc_envelope.slot_policy FROM PUBLIC;

COMMENT ON TABLE cdc_envelope.slot_policy IS 'what a slot may emit, whatever its client asks for';

-- A row that could not be read later is refused, and whoever streams is told. Always: a policy that came past it
-- would not be noticed.
CREATE FUNCTION cdc_envelope.check_slot_policy() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cdc_envelope_check_slot_policy';

REVOKE ALL ON FUNCTION cdc_envelope.check_slot_policy() FROM PUBLIC;

CREATE TRIGGER check_slot_policy AFTER INSERT OR UPDATE OR DELETE ON cdc_envelope.slot_policy
    FOR EACH ROW EXECUTE FUNCTION cdc_envelope.check_slot_policy();

ALTER TABLE cdc_envelope.slot_policy ENABLE ALWAYS TRIGGER check_slot_policy;

SELECT pg_catalog.pg_extension_config_dump('cdc_envelope.slot_policy', '');

-- Whose row of the policy holds for a slot: its own name or *; null where none does.
CREATE FUNCTION cdc_envelope.policy_of(slot_name text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'cdc_envelope_policy_of';

-- How far each slot of this plugin in this database is.
CREATE VIEW cdc_envelope.slots AS
SELECT slot_name, active, active_pid, restart_lsn, confirmed_flush_lsn, wal_status,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), confirmed_flush_lsn)::bigint AS lag_bytes,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)::bigint AS retained_bytes,
       pg_catalog.age(catalog_xmin) AS catalog_xmin_age
  FROM pg_catalog.pg_replication_slots
 WHERE plugin = 'cdc_envelope' AND database = pg_catalog.current_database();

GRANT SELECT ON cdc_envelope.slots TO PUBLIC;

-- Requests to read a table's present rows into a slot's stream, beside its changes, and how far each has come. Whoever
-- may INSERT asks; whoever may UPDATE (the worker must) sets `wanted` and reports. The condition is run as SQL by the
-- worker's role, in a transaction that can only read: grant INSERT to whom that role may be lent.
CREATE TABLE cdc_envelope.snapshot_signal (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slot_name      name NOT NULL,
    schema_name    name NOT NULL,
    table_name     name NOT NULL,
    condition      text,                               -- SQL over the table's columns; null: all rows
    chunk_rows     integer NOT NULL DEFAULT 10000 CHECK (chunk_rows > 0), -- read by one statement
    wanted         text NOT NULL DEFAULT 'run' CHECK (wanted IN ('run', 'pause', 'stop')),
    requested_by   name NOT NULL DEFAULT current_user,
    requested_at   timestamptz NOT NULL DEFAULT now(),
    -- by the worker:
    state          text NOT NULL DEFAULT 'requested'
        CHECK (state IN ('reading', 'requested', 'running', 'paused', 'done', 'stopped', 'failed')),
    run_id         text,                               -- beside each event that was read: the Kafka header cdc-run
    rows_read      bigint NOT NULL DEFAULT 0,          -- delivered
    rows_left_out  bigint NOT NULL DEFAULT 0,          -- the stream had told of them meanwhile
    bytes_read     bigint NOT NULL DEFAULT 0,          -- of the events delivered
    chunks         bigint NOT NULL DEFAULT 0,
    estimated_rows bigint,
    started_at     timestamptz,
    updated_at     timestamptz,
    message        text,                               -- what it waits for, or why it failed
    delivered      text,                               -- of a first snapshot that was interrupted: what it has delivered
    pages          bigint,                             -- of the table, while a first snapshot reads it
    pages_read     bigint NOT NULL DEFAULT 0           -- of them
);

-- `reading` is not a run: the slot's first snapshot reads the table. Where that was interrupted, it becomes `requested`.
CREATE INDEX snapshot_signal_open ON cdc_envelope.snapshot_signal (slot_name, id)
    WHERE state IN ('requested', 'running', 'paused');

REVOKE ALL ON cdc_envelope.snapshot_signal FROM PUBLIC;

COMMENT ON TABLE cdc_envelope.snapshot_signal IS 'requests to read a table beside a slot''s stream, and their progress';

-- Wakes the worker, which reads the table: a notification says nothing, so that anybody may send one.
CREATE FUNCTION cdc_envelope.on_snapshot_signal() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NOTIFY cdc_envelope_snapshot;
    RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION cdc_envelope.on_snapshot_signal() FROM PUBLIC;

CREATE TRIGGER snapshot_signal AFTER INSERT OR UPDATE OF wanted ON cdc_envelope.snapshot_signal
    FOR EACH STATEMENT EXECUTE FUNCTION cdc_envelope.on_snapshot_signal();

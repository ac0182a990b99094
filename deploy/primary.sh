#!/bin/sh
# Run once by the image, when the primary's data directory is new.
set -eu

psql -v ON_ERROR_STOP=1 --username postgres \
    -v desk="$DESK_PASSWORD" -v replicator="$REPLICATOR_PASSWORD" <<'SQL'
CREATE ROLE desk LOGIN PASSWORD :'desk';
CREATE DATABASE desk OWNER desk ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT, TEMPORARY ON DATABASE desk FROM PUBLIC;
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replicator';
SELECT pg_create_physical_replication_slot('standby');
SQL
echo 'host replication replicator all scram-sha-256' >> "$PGDATA/pg_hba.conf"

#!/bin/sh
# Copies the primary when there is nothing yet, and follows it from then on.
set -eu

if ! test -e "$PGDATA"; then
    rm -rf "$PGDATA.partial"
    PGPASSWORD="$REPLICATOR_PASSWORD" pg_basebackup --pgdata="$PGDATA.partial" \
        --checkpoint=fast --write-recovery-conf --slot=standby \
        --dbname="host=${PRIMARY:-primary} user=replicator application_name=standby"
    mv "$PGDATA.partial" "$PGDATA"
fi
exec postgres -c hot_standby_feedback=on "$@"

#!/bin/sh
# Run a command that talks to PostgreSQL, with the password in a file that libpq reads (PGPASSFILE) and nobody else may.
# In a URI or a variable it would show in the process list, in `docker inspect` and in logs.
set -eu

umask 077
password=$(sed 's/[\\:]/\\&/g' "${POSTGRES_PASSWORD_FILE:?}")
printf '*:*:*:*:%s\n' "${password}" > "${PGPASSFILE:?}"
unset password

exec "$@"

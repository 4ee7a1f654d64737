#!/usr/bin/env bash
# restore.sh FOLDER: what backup.sh has kept, into the database and the data folder of the site here, whose rows it
# replaces. Stop the site first. Photos that are there already, and whole, stay; when it was cut off, the same line goes on.
# `reconcile_storage` says afterwards what is missing and what is left over.
set -euo pipefail
folder=${1:?restore.sh FOLDER}
HERE=$(dirname "$(readlink -f "$0")")
. "$HERE/told.sh"
find_site

[ -f "$folder/database.dump" ] && [ -d "$folder/media" ] || { echo "$folder is no backup." >&2; exit 2; }
# All or nothing, and into an empty schema: a table that the backup does not know would stay otherwise.
{
  echo "SET client_min_messages = warning; BEGIN; DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
  pg_restore --no-owner --no-privileges --file=- "$folder/database.dump" | grep -v -E '^CREATE SCHEMA public;$'
  echo "COMMIT;"
} | "${AS[@]}" psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --output=/dev/null "$DATABASE"
python3 "$HERE/copy_photos.py" "$folder/media" "$DATA/media"
# A backup knows accounts by their numbers, which are others on another machine.
[ ! -f "$ENVIRONMENT" ] || chown -R -h "$ACCOUNT:www-data" "$DATA/media"
sync -f "$DATA/media"
echo "restored from $folder"

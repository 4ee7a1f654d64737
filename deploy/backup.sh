#!/usr/bin/env bash
# backup.sh FOLDER: everything of the site that runs here into a new folder: rows first, then photos, so that each row of
# the copy has its photos, but for those that were swept meanwhile: the site may run. Of an installed server as root;
# elsewhere with DATABASE_URL and GALLERY_DATA_DIR. The folder holds everybody's photos: keep it as safe, and no longer
# than you promised.
set -euo pipefail
umask 077
folder=${1:?backup.sh FOLDER}
. "$(dirname "$(readlink -f "$0")")/told.sh"
find_site

# Copies the content of folder $1 into folder $2. What a sweep removes meanwhile is left out; all else is an error.
copy() {
  local said line status=0
  said=$(LC_ALL=C cp -a --reflink=auto "$1/." "$2/" 2>&1) || status=$?
  [ "$status" != 0 ] || return 0
  while read -r line; do
    [[ $line =~ ^[^\']*\'"$1/./".*': No such file or directory'$ ]] || { echo "$line" >&2; status=2; }
  done <<<"$said"
  [ "$status" = 1 ]
}

[ ! -e "$folder" ] || { echo "$folder is there already." >&2; exit 2; }
rm -rf "$folder.part" # of a backup that was cut off
mkdir -p "$folder.part"
"${AS[@]}" pg_dump --format=custom --no-owner --no-privileges "$DATABASE" >"$folder.part/database.dump"
mkdir -p "$folder.part/media"
copy "$DATA/media" "$folder.part/media"
[ ! -f "$ENVIRONMENT" ] || cp -a "$ETC" "$folder.part/etc"
sync -f "$folder.part"
mv "$folder.part" "$folder"
echo "backed up to $folder"

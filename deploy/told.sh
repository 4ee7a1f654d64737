# What the site on this machine was told, for the scripts beside this file.
ETC=/etc/image-gallery
ENVIRONMENT=$ETC/environment
STATE=/var/lib/image-gallery
ACCOUNT=image-gallery

# What the environment file says of NAME; the last line counts, as for systemd.
told() { [ ! -f "$ENVIRONMENT" ] || sed -n "s/^$1=//p" "$ENVIRONMENT" | tail -1 | sed 's/^"\(.*\)"$/\1/'; }

# Sets DATA, the folder of the site, DATABASE, its address, and AS, with which PostgreSQL's programs are begun; a password
# goes from the address into PGPASSWORD, since everybody on the machine can read a command's words. On a
# server they are what the site itself uses: a dump of another database would be a backup of nothing, and a restore would
# empty it. Elsewhere the caller says them. Exits with 2 when nobody does, or when the caller means another database.
find_site() {
  DATA=${GALLERY_DATA_DIR:-$STATE}
  DATABASE=${DATABASE_URL:-}
  AS=()
  if [ -f "$ENVIRONMENT" ]; then
    DATA=$STATE
    DATABASE=$(told DATABASE_URL)
    AS=(runuser -u "$ACCOUNT" --)
    local file
    file=$(told DATABASE_URL_FILE)
    [ -z "$file" ] || DATABASE=$(cat "$file")
    if [ "${DATABASE_URL:-$DATABASE}" != "$DATABASE" ]; then
      echo "DATABASE_URL is another one in $ENVIRONMENT, and that is the site's: unset it here." >&2
      exit 2
    fi
  fi
  if [ -z "$DATABASE" ]; then
    echo "DATABASE_URL is missing." >&2
    exit 2
  fi
  if [[ $DATABASE =~ ^([a-z]+://[^:/@?]*):([^/@]*)(@.*)$ ]]; then
    local password=${BASH_REMATCH[2]//\\/\\\\}
    DATABASE=${BASH_REMATCH[1]}${BASH_REMATCH[3]}
    printf -v PGPASSWORD %b "${password//%/\\x}"
    export PGPASSWORD
  fi
}

#!/usr/bin/env bash
# Make this machine (Debian 12 or Ubuntu 24.04, with systemd) an Image Gallery server, or upgrade the one that it is.
#
#   SITE_URL=https://photos.example.org deploy/install.sh     the first time
#   deploy/install.sh                                         again, from a newer clone: upgrade
#   deploy/install.sh rollback                                back to the release before
#   deploy/install.sh packages                                only what comes from the distribution
#
# Run as root from a clone or an unpacked archive; that folder is copied and not used afterwards. What the site is told
# stands in /etc/image-gallery/environment (KEY=value); with DATABASE_URL or DATABASE_URL_FILE there, no PostgreSQL is
# installed here. Nothing that works is touched before the new release has said on a socket of its own that it is ready.
# docs/operations.md says what to do afterwards.
set -euo pipefail
umask 022

SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
. "$SOURCE/deploy/told.sh"
OPT=/opt/image-gallery
PATIENCE=60 # seconds for a release to become ready
KEPT=3      # releases

say() { echo "image-gallery: $*"; }
die() { echo "image-gallery: $*" >&2; exit 1; }

tell() { [ -n "$(told "$1")" ] || echo "$1=$2" >>"$ENVIRONMENT"; }

own_database() {
  [ -n "$(told DATABASE_URL_FILE)" ] && return 1
  case $(told DATABASE_URL) in "" | "$LOCAL_DATABASE" | "$LOCAL_DATABASE?port="*) ;; *) return 1 ;; esac
}
LOCAL_DATABASE="postgres:///$ACCOUNT"

packages() {
  local wanted=()
  command -v python3 >/dev/null || wanted+=(python3)
  python3 -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3-venv)
  [ -x /usr/sbin/nginx ] || wanted+=(nginx-light)
  [ -x /usr/sbin/logrotate ] || wanted+=(logrotate) # a small Debian has none, and nginx's log would only grow
  if own_database && ! command -v pg_lsclusters >/dev/null; then wanted+=(postgresql); fi
  [ ${#wanted[@]} -eq 0 ] && return
  say "installing ${wanted[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends "${wanted[@]}" >/dev/null
}

account() {
  id "$ACCOUNT" >/dev/null 2>&1 ||
    useradd --system --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin "$ACCOUNT"
  install -d -m 0711 -o "$ACCOUNT" -g "$ACCOUNT" "$STATE"
  # What nginx sends belongs to its group, by the folder's bit: the account itself is in no group but its own.
  install -d -m 2750 -o "$ACCOUNT" -g www-data "$STATE"/{media,incoming,static,pages}
  install -d -m 0755 "$OPT" "$OPT/releases"
}

environment() {
  install -d -m 0700 "$ETC"
  [ -f "$ENVIRONMENT" ] || install -m 0600 /dev/null "$ENVIRONMENT"
  chown root:root "$ENVIRONMENT"
  chmod 0600 "$ENVIRONMENT"
  [ -n "$(told SITE_URL)" ] || [ -n "${SITE_URL:-}" ] ||
    die "SITE_URL is missing: say SITE_URL=https://photos.example.org, or put it into $ENVIRONMENT."
  tell SITE_URL "${SITE_URL:-}"
  if [ -z "$(told DJANGO_SECRET_KEY)$(told DJANGO_SECRET_KEY_FILE)" ]; then
    (umask 077 && python3 -c 'import secrets; print(secrets.token_urlsafe(50))' >"$ETC/secret-key")
    tell DJANGO_SECRET_KEY_FILE "$ETC/secret-key"
  fi
  tell GALLERY_WORKERS "$(nproc)"
  find "$ETC" -type f -exec chown root:root {} + -exec chmod 0600 {} +
}

ask_postgres() { runuser -u postgres -- psql -qAtc "$1"; }

await_postgres() {
  local try
  for try in $(seq "$PATIENCE"); do ask_postgres 'select 1' >/dev/null 2>&1 && break; sleep 1; done
}

database() {
  own_database || return 0
  systemctl enable --quiet --now postgresql
  if [ -z "$(pg_lsclusters -h)" ]; then # where the package could make none, as in the making of an image
    pg_createcluster --locale C.UTF-8 "$(ls /usr/lib/postgresql | sort -V | tail -1)" main >/dev/null
    systemctl restart postgresql
  fi
  await_postgres
  enough_connections
  ask_postgres "select 1 from pg_roles where rolname = '$ACCOUNT'" | grep -q 1 ||
    runuser -u postgres -- createuser "$ACCOUNT"
  ask_postgres "select 1 from pg_database where datname = '$ACCOUNT'" | grep -q 1 ||
    runuser -u postgres -- createdb --owner="$ACCOUNT" --encoding=UTF8 --locale=C.UTF-8 --template=template0 "$ACCOUNT"
  local port # another one when something had the usual one at the time of the package's installation
  port=$(ask_postgres 'show port')
  if [ "$port" = 5432 ]; then tell DATABASE_URL "$LOCAL_DATABASE"; else tell DATABASE_URL "$LOCAL_DATABASE?port=$port"; fi
}

enough_connections() { # at the price of a restart, which a site that serves notices: so never for fewer
  local threads needed folder
  threads=$(told GALLERY_THREADS)
  threads=${threads:-32} # hardening.conf
  # Two sides of GALLERY_WORKERS processes during an upgrade, each with its threads and what runs beside them, and you.
  needed=$((2 * $(told GALLERY_WORKERS) * (threads + 4) + 40))
  [ "$(ask_postgres 'show max_connections')" -lt "$needed" ] || return 0
  for folder in /etc/postgresql/*/main/conf.d; do
    echo "max_connections = $needed" >"$folder/image-gallery.conf"
  done
  systemctl restart postgresql
  await_postgres
}

# Copies SOURCE and installs what its lock file names, by its hashes; sets RELEASE. The name is a hash of the content, so
# that the same clone is the same release.
release() {
  local pack=(tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$SOURCE"
    --exclude=./.git --exclude=./.venv --exclude=./.venv-aws --exclude=./var --exclude='__pycache__'
    --exclude='./.*_cache' -cf - .)
  local name
  name=$("${pack[@]}" | sha256sum | cut -c1-12)
  RELEASE=$OPT/releases/$name
  if [ ! -f "$RELEASE/.complete" ]; then
    say "installing release $name"
    rm -rf "$RELEASE"
    mkdir -p "$RELEASE"
    "${pack[@]}" | tar -C "$RELEASE" -xf - --no-same-permissions
    python3 -m venv "$RELEASE/.venv"
    "$RELEASE/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --only-binary=:all: \
      --require-hashes --requirement "$RELEASE/requirements.txt"
    "$RELEASE/.venv/bin/python" -m compileall -q "$RELEASE/galleries" "$RELEASE/gallery_site" "$RELEASE/cleanup_lambda"
    chmod -R go+rX "$RELEASE"
    touch "$RELEASE/.complete"
  fi
}

units() { # as the release has them
  cp "$1"/deploy/systemd/image-gallery*.{service,socket,timer} /etc/systemd/system/
  install -d /etc/systemd/system/image-gallery-.service.d
  cp "$1"/deploy/systemd/image-gallery-.service.d/hardening.conf /etc/systemd/system/image-gallery-.service.d/
  install -m 0755 "$1/deploy/gallery-manage" /usr/local/bin/gallery-manage
  systemctl daemon-reload
  journal "$1/deploy/systemd/journald.conf"
}

journal() { # journald reads how much it may keep when it starts
  local limits=/etc/systemd/journald.conf.d/image-gallery.conf
  ! cmp -s "$1" "$limits" || return 0
  install -D -m 0644 "$1" "$limits"
  systemctl restart systemd-journald
}

nginx_files() { # $1: release, $2: the folder into which nginx's files of this host are written
  python3 "$1/deploy/nginx_files.py" --etc "$2" --site-url "$(told SITE_URL)" \
    --hosts "$(told DJANGO_ALLOWED_HOSTS)" --fronts "$(told GALLERY_FRONT_PROXIES)" \
    --max-upload "$(told GALLERY_MAX_UPLOAD_BYTES)"
}

check_settings() { # $1: release. What nginx could not be told; of the others it says so itself when it is tried.
  local scratch wrong=
  scratch=$(mktemp -d)
  nginx_files "$1" "$scratch" || wrong=yes
  rm -rf "$scratch"
  [ -z "$wrong" ] || die "a setting in $ENVIRONMENT is wrong; what runs was not touched."
}

# What stands in /etc/nginx because of us, or goes because of us: two default servers would be one too many.
NGINX_FILES=(conf.d/image-gallery.conf conf.d/image-gallery-fronts.conf snippets/image-gallery.conf
  sites-available/image-gallery sites-enabled/image-gallery sites-enabled/default)

front() { # nginx: written for this host, tested, and taken into use without ending a connection; or all as it was
  local kept file
  install -d -o www-data -g www-data -m 0700 /var/cache/nginx
  kept=$(mktemp -d)
  cd /etc/nginx
  for file in "${NGINX_FILES[@]}"; do
    [ ! -e "$file" ] && [ ! -L "$file" ] || cp -a --parents "$file" "$kept"
  done
  if nginx_files "$1" . && rm -f sites-enabled/default && nginx -t -q; then
    rm -rf "$kept"
    cd "$OLDPWD"
    systemctl enable --quiet nginx
    systemctl reload-or-restart nginx
    return
  fi
  rm -f "${NGINX_FILES[@]}"
  for file in "$kept"/*; do [ ! -e "$file" ] || cp -a "$file" .; done
  rm -rf "$kept"
  die "nginx does not take its files (it says why above); those before are back, and release $(basename "$1") behind them."
}

# A management command of RELEASE, as the site runs: its account, its settings, its limits.
manage() { local place=$1; shift; GALLERY_RELEASE=$place /usr/local/bin/gallery-manage "$@"; }

prepare_database() { # $1: release. Migrations are safe while the release before runs (docs/operations.md).
  manage "$1" migrate --noinput --verbosity 0 || return
  [ -n "$(told CACHE_URL)" ] || manage "$1" createcachetable --verbosity 0
}

prepare_static() { # what older pages name stays
  manage "$1" collectstatic --noinput --verbosity 0 --ignore 'django_htmx/ext/*' --ignore 'ninja/redoc*' || return
  manage "$1" write_error_pages "$STATE/pages"
}

ready() { # $1: the socket to ask, $2: the unit behind it, which must not end meanwhile
  local until=$((SECONDS + PATIENCE))
  while [ "$SECONDS" -lt "$until" ]; do
    systemctl is-active --quiet "$2" || return 1
    python3 "$SOURCE/deploy/ask_ready.py" "$1" "$(told SITE_URL)" && return 0
    sleep 0.5
  done
  return 1
}

side() { # the side that is in use, "" when none is
  sed -n 's/^Service=image-gallery-web@\(.\)\.service$/\1/p' /etc/systemd/system/image-gallery.socket.d/active.conf 2>/dev/null ||
    true
}

place() { # atomically: $1 is a link to $2
  ln -sfn "$2" "$1.new"
  mv -T "$1.new" "$1"
}

try_release() { # $1: release. Nothing depends on it yet.
  place "$OPT/try" "$1"
  [ -e "$OPT/current" ] || place "$OPT/current" "$1"
  local good=
  systemctl start image-gallery-try && ready /run/image-gallery-try/site.sock image-gallery-try && good=yes
  systemctl stop image-gallery-try.socket image-gallery-try.service 2>/dev/null
  [ -n "$good" ]
}

point_socket() { # $1: side
  install -d /etc/systemd/system/image-gallery.socket.d
  printf '[Socket]\nService=image-gallery-web@%s.service\n' "$1" >/etc/systemd/system/image-gallery.socket.d/active.conf
  systemctl daemon-reload
}

switch() { # $1: release. Both sides serve for a moment; the old one then ends what it has begun.
  local old new before
  old=$(side)
  new=$([ "$old" = a ] && echo b || echo a)
  before=$(readlink -f "$OPT/current")
  systemctl stop "image-gallery-web@$new" 2>/dev/null || true
  place "$OPT/$new" "$1"
  point_socket "$new"
  systemctl enable --quiet --now image-gallery.socket
  local good=
  systemctl start "image-gallery-web@$new" && good=yes
  if [ -n "$good" ] && [ -n "$old" ]; then systemctl stop "image-gallery-web@$old" 2>/dev/null; fi
  if [ -z "$good" ] || ! ready /run/image-gallery/site.sock "image-gallery-web@$new"; then
    if [ -n "$old" ]; then
      point_socket "$old"
      systemctl start "image-gallery-web@$old"
      systemctl stop "image-gallery-web@$new" 2>/dev/null || true
    fi
    return 1
  fi
  [ -z "$old" ] || systemctl disable --quiet "image-gallery-web@$old"
  systemctl enable --quiet "image-gallery-web@$new"
  [ "$before" = "$1" ] || place "$OPT/previous" "$before"
  place "$OPT/current" "$1"
  systemctl enable --quiet --now image-gallery-sweep.timer image-gallery-drain.timer
}

metrics() { # numbers for Prometheus, when they were asked for
  if [ -n "$(told GALLERY_METRICS_DIR)" ]; then
    systemctl enable --quiet image-gallery-metrics
    systemctl restart image-gallery-metrics
  else
    systemctl disable --quiet --now image-gallery-metrics 2>/dev/null || true
  fi
}

prune() {
  local kept=" $(readlink -f "$OPT/current") $(readlink -f "$OPT/previous" 2>/dev/null || true) $(readlink -f "$OPT/a" 2>/dev/null || true) $(readlink -f "$OPT/b" 2>/dev/null || true) "
  ls -1dt "$OPT"/releases/* | tail -n "+$((KEPT + 1))" | while read -r old; do
    case $kept in *" $old "*) ;; *) rm -rf "$old" ;; esac
  done
}

put_into_use() { # $1: release
  prepare_static "$1" || stay "the static files of release $(basename "$1") could not be written"
  try_release "$1" || stay "release $(basename "$1") is not ready (journalctl -u image-gallery-try says why)"
  switch "$1" || stay "release $(basename "$1") did not take over (journalctl -u 'image-gallery-web@*' says why)"
}

stay() { # with what ran before, if something did: its units, its pages; $1: why
  [ -n "$(side)" ] || die "$1."
  local before
  before=$(readlink -f "$OPT/current")
  units "$before"
  prepare_static "$before" || say "its static files could not be written again"
  die "$1; what ran before runs on."
}

main() {
  [ "$(id -u)" = 0 ] || die "run this as root."
  command -v apt-get >/dev/null || die "this is for Debian and Ubuntu."
  case ${1:-install} in
    packages) packages ;;
    rollback)
      local before
      before=$(readlink -f "$OPT/previous" 2>/dev/null) && [ -f "$before/.complete" ] || die "there is no release before."
      check_settings "$before"
      units "$before"
      put_into_use "$before"
      front "$before"
      metrics
      say "release $(basename "$before") is back"
      ;;
    install)
      [ -d /run/systemd/system ] || die "systemd does not run here."
      packages
      account
      environment
      check_settings "$SOURCE"
      database
      release
      units "$RELEASE"
      prepare_database "$RELEASE" || stay "the database could not be brought to release $(basename "$RELEASE")"
      put_into_use "$RELEASE"
      front "$RELEASE"
      metrics
      prune
      say "release $(basename "$RELEASE") serves $(told SITE_URL)"
      ;;
    *) die "unknown: $1 (nothing, rollback or packages)" ;;
  esac
}

main "$@"

#!/usr/bin/env bash
# install.sh on a bare Debian, with a systemd of its own, up to a page, an upload and an upgrade without a dropped request.
#
#   deploy/try_install.sh [--prepare | --short] [FOLDER]
#
# As root; wants debootstrap and systemd-container, and some 2 GB in FOLDER. --prepare: only fetch into FOLDER what a run
# needs. --short, as in .ci/run: up to a page and the same release again under load. All of it takes five to ten minutes. The
# machine inside has no network but its own loopback: what the distribution and the lock file give is brought in before
# it starts. FOLDER is kept, and then a second run is quicker; without one everything is removed again.
set -euo pipefail
HOW=
case "${1:-}" in --prepare | --short) HOW=$1 && shift ;; esac
SOURCE=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
PLACE=${1:-$(mktemp -d /tmp/image-gallery-try.XXXX)}
KEEP=${1:-}
MACHINE=$PLACE/machine
NAME=gallery.example.org
step() { echo "--- $* ($SECONDS s)"; }

for program in debootstrap systemd-nspawn; do
  command -v "$program" >/dev/null || { echo "apt install debootstrap systemd-container" >&2; exit 2; }
done
mkdir -p "$PLACE"

guard=
finish() {
  [ -z "$guard" ] || { kill "$guard" 2>/dev/null; wait "$guard" 2>/dev/null || true; }
  [ -n "$KEEP" ] || rm -rf --one-file-system "$PLACE"
}
trap finish EXIT

if [ ! -e "$MACHINE/.prepared" ]; then
  step "a bare Debian"
  # Nothing of it has to outlive a power cut.
  mkdir -p "$MACHINE/etc/dpkg/dpkg.cfg.d"
  echo force-unsafe-io >"$MACHINE/etc/dpkg/dpkg.cfg.d/quick"
  debootstrap --variant=minbase --include=ca-certificates,systemd-sysv,dbus bookworm "$MACHINE" >"$PLACE/debootstrap.log"
  cp -r /etc/apt/apt.conf.d/. "$MACHINE/etc/apt/apt.conf.d/"
  cp /etc/ssl/certs/ca-certificates.crt "$MACHINE/etc/ssl/certs/"
  cp /etc/resolv.conf "$MACHINE/etc/resolv.conf"
  step "what the distribution gives"
  mkdir -p "$MACHINE/srv/image-gallery/deploy"
  cp "$SOURCE"/deploy/{install,told}.sh "$MACHINE/srv/image-gallery/deploy/"
  systemd-nspawn --quiet --directory="$MACHINE" --register=no --keep-unit --pipe /srv/image-gallery/deploy/install.sh packages
  touch "$MACHINE/.prepared"
fi

if ! cmp -s "$SOURCE/requirements.txt" "$MACHINE/wheels/complete"; then
  step "what the lock file names"
  mkdir -p "$MACHINE/wheels"
  cp "$SOURCE/requirements.txt" "$MACHINE/wheels/"
  systemd-nspawn --quiet --directory="$MACHINE" --register=no --keep-unit --pipe sh -ec '
    export PYTHONPATH=$(echo /usr/share/python-wheels/pip-*.whl)
    python3 -m pip download --quiet --quiet --only-binary=:all: --require-hashes -r /wheels/requirements.txt -d /wheels'
  cp "$SOURCE/requirements.txt" "$MACHINE/wheels/complete"
fi
[ "$HOW" != --prepare ] || exit 0

bring() { # the clone, as it is now
  rm -rf "$MACHINE/srv/image-gallery"
  mkdir -p "$MACHINE/srv/image-gallery"
  tar -C "$SOURCE" --exclude=./.git --exclude=./.venv --exclude=./.venv-aws --exclude=./var -cf - . | tar -C "$MACHINE/srv/image-gallery" -xf -
}
bring

step "the machine starts"
systemd-nspawn --quiet --directory="$MACHINE" --boot --machine=gallery-try --register=no --keep-unit --private-network \
  --console=pipe </dev/null >"$PLACE/boot.log" 2>&1 &
guard=$!
for _ in $(seq 100); do
  inside=$(cat "/proc/$guard/task/$guard/children" 2>/dev/null | awk '{print $1}')
  [ -n "$inside" ] && nsenter -t "$inside" -a /bin/systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && break
  sleep 0.3
done
in_machine() {
  nsenter -t "$inside" -a /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels "$@"
}

step "install"
in_machine SITE_URL=http://$NAME /srv/image-gallery/deploy/install.sh
step "ask"
in_machine python3 /srv/image-gallery/deploy/try_site.py "$NAME"
step "the same again, under load"
in_machine python3 /srv/image-gallery/deploy/try_site.py "$NAME" --during /srv/image-gallery/deploy/install.sh
[ "$HOW" != --short ] || exit 0
step "an upgrade that is not ready"
in_machine sh -c 'mkdir -p /srv/broken && cp -r /srv/image-gallery/. /srv/broken && echo "raise SystemExit(1)" >>/srv/broken/gallery_site/wsgi.py'
in_machine sh -c 'echo "# of the broken release" >>/srv/broken/deploy/systemd/image-gallery-web@.service'
in_machine python3 /srv/image-gallery/deploy/try_site.py "$NAME" --fails --during /srv/broken/deploy/install.sh
in_machine cmp /srv/image-gallery/deploy/systemd/image-gallery-web@.service /etc/systemd/system/image-gallery-web@.service
step "a wrong setting, and an nginx that does not take its files"
in_machine cp /etc/image-gallery/environment /srv/told
in_machine sh -c 'echo GALLERY_FRONT_PROXIES=nobody >>/etc/image-gallery/environment'
in_machine python3 /srv/image-gallery/deploy/try_site.py "$NAME" --fails --during /srv/image-gallery/deploy/install.sh
in_machine cp /srv/told /etc/image-gallery/environment
in_machine sh -c 'echo "nonsense;" >/etc/nginx/conf.d/zz.conf && cp -a /etc/nginx /srv/nginx'
in_machine python3 /srv/image-gallery/deploy/try_site.py "$NAME" --fails --during /srv/image-gallery/deploy/install.sh
in_machine diff -r --no-dereference /srv/nginx /etc/nginx
in_machine rm /etc/nginx/conf.d/zz.conf
step "a newer release, and back"
in_machine sh -c 'echo "# newer" >>/srv/image-gallery/gallery_site/wsgi.py'
in_machine python3 /srv/image-gallery/deploy/try_site.py "$NAME" --during /srv/image-gallery/deploy/install.sh
in_machine python3 /srv/image-gallery/deploy/try_site.py "$NAME" --during "/srv/image-gallery/deploy/install.sh rollback"
step "one side alone is left"
in_machine systemctl list-units --no-pager --no-legend 'image-gallery*' | tee "$PLACE/units.txt"
[ "$(grep -c 'web@..service.*running' "$PLACE/units.txt")" = 1 ]
step "numbers, and a backup"
in_machine sh -c 'echo GALLERY_METRICS_DIR=/var/lib/image-gallery/metrics >>/etc/image-gallery/environment'
in_machine python3 /srv/image-gallery/deploy/try_site.py "$NAME" --during /srv/image-gallery/deploy/install.sh
in_machine python3 -c 'import urllib.request as u; print(*[line for line in u.urlopen("http://127.0.0.1:9464/metrics").read().decode().split("\n") if line.startswith(("gallery_up ", "gallery_images ", "gallery_uploads_total"))], sep="\n")'
in_machine /opt/image-gallery/current/deploy/backup.sh /srv/backup
in_machine chown -R 12345:12345 /srv/backup/media # as on a machine whose accounts have other numbers
in_machine rm -rf /var/lib/image-gallery/media
in_machine sh -c 'systemctl stop image-gallery.socket "image-gallery-web@*" 2>/dev/null; /opt/image-gallery/current/deploy/restore.sh /srv/backup && /srv/image-gallery/deploy/install.sh'
in_machine /usr/local/bin/gallery-manage reconcile_storage
in_machine python3 /srv/image-gallery/deploy/try_site.py "$NAME"
step "how safe the units are, and what they logged"
in_machine systemd-analyze security --no-pager image-gallery-web@a.service image-gallery-web@b.service | tail -3
in_machine systemctl start image-gallery-sweep.service image-gallery-drain.service
in_machine systemctl --no-pager --failed
step "done: all as it should be"

#!/bin/sh
# Installs what the tests need beside npm packages: the SDKs that test/conformance runs, Debian's prometheus (with promtool),
# prometheus-alertmanager (with amtool) and postgresql. Does nothing when they are there.
# Debian's packages start services where systemd runs; those are not needed here.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
PATH="$here/node_modules/.bin:$PATH"
node "$here/test/conformance/install.ts"
has_postgres() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }
if command -v promtool >/dev/null && command -v prometheus >/dev/null && command -v amtool >/dev/null && has_postgres; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "The tests need prometheus, promtool, alertmanager, amtool and PostgreSQL's initdb, postgres and psql on PATH" >&2
  exit 1
fi
run() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "Run as root: $*" >&2
    exit 1
  fi
}
echo "installing prometheus, prometheus-alertmanager and postgresql …"
run apt-get update -q
run env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends prometheus prometheus-alertmanager postgresql
if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
  run systemctl disable --now prometheus prometheus-alertmanager postgresql || true
fi

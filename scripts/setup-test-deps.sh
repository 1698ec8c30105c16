#!/bin/sh
# Installs what the tests need beside npm packages: the SDKs that test/conformance runs, Debian's prometheus (with promtool) and
# prometheus-alertmanager (with amtool). Does nothing when they are there.
# Debian's packages start services where systemd runs; those are not needed here.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
PATH="$here/node_modules/.bin:$PATH"
node "$here/test/conformance/install.ts"
if command -v promtool >/dev/null && command -v prometheus >/dev/null && command -v amtool >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "The tests need prometheus, promtool, alertmanager and amtool on PATH: https://prometheus.io/download" >&2
  exit 1
fi
run() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "Run as root: $*" >&2
    exit 1
  fi
}
echo "installing prometheus and prometheus-alertmanager …"
run apt-get update -q
run env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends prometheus prometheus-alertmanager
if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
  run systemctl disable --now prometheus prometheus-alertmanager || true
fi

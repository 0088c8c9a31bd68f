#!/usr/bin/env bash
# Installs what tests and benchmarks use: Mosquitto, libfaketime, strace, Chromium with Chinese letters,
# InfluxDB 2.7 and 1, VictoriaMetrics, PostgreSQL.
# What is there already is left alone, so a second run takes no time.
#
# Exit codes: 0 all there, 1 an installation failed, 3 something is missing (the message says what to do).
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

say() { printf '%s\n' "$*" >&2; }

has() { command -v "$1" >/dev/null || [[ -x "/usr/sbin/$1" ]]; }

as_root() {
  if [[ "$(id -u)" == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "Installing packages needs root, and there is no sudo. As root: $*"
    exit 3
  fi
}

wanted=()
has mosquitto || wanted+=(mosquitto)
has mosquitto_pub || wanted+=(mosquitto-clients)
has faketime || wanted+=(faketime)
has strace || wanted+=(strace)
has chromium || has chromium-browser || has google-chrome || wanted+=(chromium)
has influxd || wanted+=(influxdb)
has victoria-metrics || wanted+=(victoria-metrics)
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || has initdb || wanted+=(postgresql)
# Without a CJK font the pages under test are rows of boxes.
[[ -n "$(fc-list :lang=zh family 2>/dev/null)" ]] || wanted+=(fontconfig fonts-noto-cjk)
# influxd: Flux's Rust core is linked by a C compiler.
has cc || wanted+=(build-essential)

if ((${#wanted[@]})); then
  command -v apt-get >/dev/null || {
    say "This machine has no apt-get. Install by its own means: ${wanted[*]}"
    exit 3
  }
  say "Installing ${wanted[*]} ..."
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  # The packages would start servers on their usual ports; each test starts its own on a free one.
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
  # systemd starts what it finds enabled all the same, now or at the next boot.
  if command -v systemctl >/dev/null; then
    for unit in mosquitto influxdb victoria-metrics postgresql; do
      [[ " ${wanted[*]} " != *" $unit "* ]] ||
        as_root systemctl disable --now "$unit" >/dev/null 2>&1 || true
    done
  fi
fi

mosquitto="$(command -v mosquitto || echo /usr/sbin/mosquitto)"
influxd="$("$here/influxd.sh")"
say "Mosquitto  $("$mosquitto" -h | sed -nE '1s/^mosquitto version //p')  $mosquitto"
say "faketime   $(dpkg-query -W -f '${Version}' faketime 2>/dev/null || true)  $(command -v faketime)"
say "strace     $(strace -V | sed -nE '1s/.* version //p')  $(command -v strace)"
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then
    say "Chromium   $("$name" --version 2>/dev/null | grep -oE '[0-9][0-9.]+' | head -n1)  $(command -v "$name")"
    break
  fi
done
say "InfluxDB 1 $(influxd version 2>/dev/null | sed -nE 's/^InfluxDB v([^ ]+).*/\1/p')  $(command -v influxd)"
say "Victoria   $(dpkg-query -W -f '${Version}' victoria-metrics 2>/dev/null || true)  $(command -v victoria-metrics)"
say "PostgreSQL $(dpkg-query -W -f '${Version}' postgresql 2>/dev/null || true)  $(compgen -G '/usr/lib/postgresql/*/bin/postgres' || command -v postgres)"
say "InfluxDB   $(basename "$influxd" | sed 's/influxd-//')  $influxd"

#!/usr/bin/env bash
# Builds Telegraf, the collector's peer in `make bench-collector`, as a Go module into the per-user
# cache and prints its path. Some minutes the first time; at once when the cache holds this version.
# With --built it builds nothing.
#
# Exit codes: 0 the binary is there, 1 the build failed, 3 a tool is missing (the message says which).
set -euo pipefail

telegraf_version=1.37.2
# Only what the benchmark configures: MQTT in, line protocol, JSON by its three parsers, InfluxDB 2 out.
tags=custom,inputs.mqtt_consumer,outputs.influxdb_v2,parsers.influx,parsers.xpath,parsers.json,parsers.json_v2

cache="${XDG_CACHE_HOME:-$HOME/.cache}/shouwang"
# A build with other parsers is another file.
target="$cache/telegraf-$telegraf_version-json"

say() { printf '%s\n' "$*" >&2; }

missing() {
  say "Telegraf $telegraf_version is built from source and needs $1."
  shift
  for line in "$@"; do say "  $line"; done
  exit 3
}

if [[ -x "$target" ]]; then
  printf '%s\n' "$target"
  exit 0
fi

if [[ "${1:-}" == --built ]]; then
  say "Telegraf $telegraf_version is not built: make bench-collector builds it."
  exit 3
fi

command -v go >/dev/null || missing "Go 1.25 or newer" \
  "Debian 12's own package is older: use golang-go from bookworm-backports or the archive of the Go project," \
  "put its bin folder on PATH and run this again."

# One build at a time on a machine; who waited finds the binary finished.
mkdir -p "$cache"
exec 9>"$target.lock"
flock 9
if [[ -x "$target" ]]; then
  printf '%s\n' "$target"
  exit 0
fi

work="$(mktemp -d "$cache/build.XXXXXX")"
trap 'rm -rf "$work"' EXIT

say "Building Telegraf $telegraf_version (once per machine; about five minutes on two cores)..."
# The version's own go.mod pins all it is built from, and Go checks each against the checksum database.
GOBIN="$work" go install -trimpath -tags "$tags" -ldflags "-s -w -X github.com/influxdata/telegraf/internal.Version=$telegraf_version" \
  "github.com/influxdata/telegraf/cmd/telegraf@v$telegraf_version" >&2
"$work/telegraf" version >&2

mv "$work/telegraf" "$target"
printf '%s\n' "$target"

#!/usr/bin/env bash
# Builds influxd (InfluxDB 2.7) as a Go module into the per-user cache and prints its path.
# Some minutes the first time; at once when the cache holds this version.
#
# Exit codes: 0 the binary is there, 1 the build failed, 3 a tool is missing (the message says which).
set -euo pipefail

influxdb_version=2.7.12
pkg_config_version=0.2.14

cache="${XDG_CACHE_HOME:-$HOME/.cache}/shouwang"
target="$cache/influxd-$influxdb_version"

say() { printf '%s\n' "$*" >&2; }

missing() {
  say "influxd $influxdb_version is built from source and needs $1."
  shift
  for line in "$@"; do say "  $line"; done
  exit 3
}

if [[ -x "$target" ]]; then
  printf '%s\n' "$target"
  exit 0
fi

command -v go >/dev/null || missing "Go 1.21 or newer" \
  "Debian 12's own package is older: use golang-go from bookworm-backports or the archive of the Go project," \
  "put its bin folder on PATH and run this again."
go_minor="$(go env GOVERSION | sed -nE 's/^go1\.([0-9]+).*/\1/p')"
[[ -n "$go_minor" && "$go_minor" -ge 21 ]] || missing "Go 1.21 or newer (found $(go env GOVERSION))" \
  "An older Go cannot fetch the toolchain that the server's go.mod asks for."
command -v cargo >/dev/null || missing "cargo, for Flux's Rust core" \
  "Install Rust with rustup, or Debian's cargo when it is 1.70 or newer, and run this again."
command -v cc >/dev/null || missing "a C compiler" "apt-get install build-essential"

# One build at a time on a machine; who waited finds the binary finished.
mkdir -p "$cache"
exec 9>"$cache/influxd-$influxdb_version.lock"
flock 9
if [[ -x "$target" ]]; then
  printf '%s\n' "$target"
  exit 0
fi

# Flux pins an old Rust in its rust-toolchain file, which rustup would go and fetch.
# An installed toolchain does the work: the default one, else the first.
if [[ -z "${RUSTUP_TOOLCHAIN:-}" ]] && command -v rustup >/dev/null; then
  toolchains="$(rustup toolchain list 2>/dev/null | grep -v '^no installed' || true)"
  chosen="$(grep -m1 -E '\((.*, ?)?default\)' <<<"$toolchains" || head -n1 <<<"$toolchains")"
  chosen="${chosen%% *}"
  [[ -n "$chosen" ]] || missing "a Rust toolchain (rustup has none)" "rustup toolchain install stable"
  export RUSTUP_TOOLCHAIN="$chosen"
fi

work="$(mktemp -d "$cache/build.XXXXXX")"
trap 'rm -rf "$work"' EXIT

# The pinned list of modules and their checksums stand beside this script.
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$work"
cat >tools.go <<'GO'
//go:build tools

package tools

import (
	_ "github.com/influxdata/influxdb/v2/cmd/influxd"
	_ "github.com/influxdata/pkg-config"
)
GO

say "Building influxd $influxdb_version (once per machine; about five minutes on two cores)..."
if [[ -f "$here/influxd.go.mod" && -f "$here/influxd.go.sum" ]]; then
  cp "$here/influxd.go.mod" go.mod
  cp "$here/influxd.go.sum" go.sum
else
  go mod init shouwang.example/influxd
  go get "github.com/influxdata/influxdb/v2@v$influxdb_version" "github.com/influxdata/pkg-config@v$pkg_config_version"
  go get "github.com/influxdata/influxdb/v2/cmd/influxd@v$influxdb_version"
  go mod tidy
  if [[ "${SHOUWANG_PIN_INFLUXD:-}" == 1 ]]; then
    cp go.mod "$here/influxd.go.mod"
    cp go.sum "$here/influxd.go.sum"
  fi
fi

mkdir bin
go build -o bin/pkg-config github.com/influxdata/pkg-config

# A newer Rust trips over Flux's deny(lints) only, also in build scripts, which RUSTFLAGS does not reach.
printf '#!/bin/sh\nexec "$@" --cap-lints warn\n' >bin/rustc-capped
chmod +x bin/rustc-capped
export RUSTC_WRAPPER="$work/bin/rustc-capped" PKG_CONFIG="$work/bin/pkg-config"

go build -mod=mod -trimpath -ldflags "-s -w -X main.version=$influxdb_version" -o bin/influxd \
  github.com/influxdata/influxdb/v2/cmd/influxd >&2
bin/influxd version >&2

mv bin/influxd "$target.partial"
mv "$target.partial" "$target"
printf '%s\n' "$target"

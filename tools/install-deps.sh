#!/usr/bin/env bash
# Installs what the build, the tests and the local backend need from Debian 12's packages, and what is named beside, if
# anything is missing: tools/install-deps.sh [PACKAGE...]
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache pkg-config
  libboost1.81-dev libboost-url1.81-dev libssl-dev nlohmann-json3-dev libspdlog-dev libfmt-dev
  libyaml-cpp-dev doctest-dev libcli11-dev libsqlite3-dev libsimdjson-dev zlib1g-dev
  chromium chromium-driver curl git systemd python3 openssl ca-certificates valgrind
)
packages+=("$@")
# A Node.js from elsewhere serves as well as Debian's.
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "bctrl-bridge builds on Debian 12. Please install the equivalents of: ${missing[*]}" >&2
  exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Run as root: apt-get install ${missing[*]}" >&2; exit 1; }
  root=(sudo)
fi
echo "Installing Debian packages: ${missing[*]}"
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"

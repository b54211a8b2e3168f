#!/usr/bin/env bash
# Installs the npm packages of the end-to-end tests when the lock file is newer than what is there. No package may
# download a browser: the tests use Debian's chromium.
set -euo pipefail
cd "$(dirname "$0")/../tests/e2e"

stamp=node_modules/.installed
[ -f "$stamp" ] && [ "$stamp" -nt package-lock.json ] && exit 0
echo "Installing npm packages of the end-to-end tests"
PUPPETEER_SKIP_DOWNLOAD=1 PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
touch "$stamp"

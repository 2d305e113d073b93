#!/bin/sh
# The VS Code extension in a real workbench with the real server: sets up what is needed in target/editors/vscode,
# runs the extension's own tests, packages it with the server inside, and runs tests/editors/vscode/test.js.
# Screenshots: target/editors/vscode/screenshots.
#
#   FUTURELENS=/path/to/futurelens   test this server instead of building one
#   CHROMIUM=/path/to/chromium       use this browser instead of Debian's
#   CI=1                             missing tools are a failure, not a reason to skip
set -eu
cd "$(dirname "$0")/../.."
target=$(pwd)/target/editors/vscode

skip() {
    echo "the VS Code test is skipped: $1"
    [ -z "${CI:-}" ] || exit 1
    exit 0
}
command -v npm >/dev/null 2>&1 || skip "no npm"
command -v rustup >/dev/null 2>&1 || skip "no rustup"
case $(uname -sm) in
"Linux x86_64") platform=linux-x64 ;;
"Linux aarch64") platform=linux-arm64 ;;
*) skip "there is no workbench for $(uname -sm)" ;;
esac
[ -n "${CHROMIUM:-}" ] || command -v apt-get >/dev/null 2>&1 || skip "no apt-get to fetch a Chromium with, and no CHROMIUM"

if [ -z "${FUTURELENS:-}" ]; then
    cargo build --quiet --release -p futurelens
    FUTURELENS=${CARGO_TARGET_DIR:-target}/release/futurelens
fi
FUTURELENS=$(realpath "$FUTURELENS")
export FUTURELENS

sh tests/editors/vscode/setup.sh "$target" || skip "the workbench cannot be fetched"
(
    cd vscode-extension
    # No install scripts: nothing here needs them.
    [ node_modules/.package-lock.json -nt package-lock.json ] ||
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    npm run --silent check
    npm test --silent >"$target/unit.log" 2>&1 || {
        cat "$target/unit.log"
        exit 1
    }
    npm run --silent package:platform -- "$platform" "$FUTURELENS" >/dev/null
)
NODE_PATH="$target/node_modules" exec "$target/bin/node" tests/editors/vscode/test.js "$target" "vscode-extension/dist/futurelens-$platform.vsix" "$@"

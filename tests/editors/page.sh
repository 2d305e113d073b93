#!/bin/sh
# The page `futurelens report --format html` writes, of a published crate, in a headless Chromium.
# Screenshots: target/editors/vscode/screenshots/page-*.png.
#
#   FUTURELENS=/path/to/futurelens   test this one instead of building one
#   CHROMIUM=/path/to/chromium       use this browser instead of Debian's
#   CI=1                             missing tools are a failure, not a reason to skip
set -eu
cd "$(dirname "$0")/../.."
# The browser is the one of the VS Code test.
target=$(pwd)/target/editors/vscode

skip() {
    echo "the page's test is skipped: $1"
    [ -z "${CI:-}" ] || exit 1
    exit 0
}
command -v npm >/dev/null 2>&1 || skip "no npm"
[ -n "${CHROMIUM:-}" ] || command -v apt-get >/dev/null 2>&1 || skip "no apt-get to fetch a Chromium with, and no CHROMIUM"

if [ -z "${FUTURELENS:-}" ]; then
    cargo build --quiet --release -p futurelens
    FUTURELENS=${CARGO_TARGET_DIR:-target}/release/futurelens
fi
sh tests/editors/vscode/setup.sh "$target" || skip "Chromium cannot be fetched"
crate=$(cargo run --quiet -p futurelens-tests --example checkout -- async-nats 0.51.0)
mkdir -p "$target/pages" "$target/screenshots"
for format in html json; do
    "$FUTURELENS" report "$crate" --format "$format" --output "$target/pages/report.$format"
done
NODE_PATH="$target/node_modules" exec "$target/bin/node" tests/editors/page/test.js "$target"

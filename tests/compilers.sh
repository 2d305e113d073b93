#!/bin/sh
# Measures the same projects with many compilers, and compares what each gives: see tests/examples/compilers.
#
#   sh tests/compilers.sh          the oldest that is promised, and one of each dialect of the dumps
#   sh tests/compilers.sh all      every release on the list, and the nightlies
#   sh tests/compilers.sh NAME...  these, oldest first
#   EDITS=1 sh tests/compilers.sh  tries the edits of the larger projects, too
#
# Installs what is missing. A toolchain that cannot be had is left out with a word: for that one the dumps in
# server/golden have to do.
set -eu
cd "$(dirname "$0")/.."

some="1.85.0 1.99.1 nightly-2026-10-15"
all="1.85.0 1.86.0 1.88.0 1.95.0 nightly 1.98.0 1.99.1 nightly-2026-10-15"
case "${1:-}" in
"") set -- $some ;;
all) set -- $all ;;
esac
edits=${EDITS:+--edits}

there=""
for name in "$@"; do
    if rustup run "$name" rustc -V >/dev/null 2>&1 ||
        rustup toolchain install "$name" --profile minimal --no-self-update >/dev/null 2>&1; then
        there="$there $name"
    else
        echo "compilers.sh: $name cannot be installed here: not measured with it, what it printed is in server/golden"
    fi
done
set -- $there
if [ $# -lt 2 ]; then
    echo "compilers.sh: fewer than two compilers to compare"
    exit 0
fi
exec cargo run --quiet --release -p futurelens-tests --example compilers -- $edits "$@"

#!/bin/sh
# Sets up what the tests need and runs every check of the project: formatting, lints, tests.
# Needs Rust by rustup. Without asking it installs a nightly toolchain where there is none, the compilers of
# tests/compilers.sh, the standard libraries of macOS and Windows, cargo-fuzz, and on Debian, as root, the packages sccache, strace and faketime.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

if ! command -v cargo >/dev/null 2>&1; then
    echo "cargo is not on the PATH: install Rust with rustup first" >&2
    exit 2
fi
# The real compilers: a nightly to measure with, and a stable one as the second.
if command -v rustup >/dev/null 2>&1 && ! rustup toolchain list | grep -q '^nightly'; then
    rustup toolchain install nightly --profile minimal
fi
# A compiler cache to be tested against, a tool that sees every file that is written, and a clock that can be wrong.
# Without them the tests that need them say that they were skipped.
for tool in sccache strace faketime; do
    if ! command -v $tool >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        (apt-get install -y $tool || { apt-get update && apt-get install -y $tool; }) >/dev/null 2>&1 ||
            echo "$tool cannot be installed: its tests will be skipped"
    fi
done

say "formatting"
cargo fmt --all --check
say "lints"
cargo clippy --workspace --all-targets -- -D warnings
say "other platforms"
sh tests/platforms.sh
say "tests"
cargo test --workspace "$@"
say "compilers"
sh tests/compilers.sh
say "fuzzing"
sh tests/fuzz/run.sh 5
say "editors"
cargo build --release -p futurelens
# Of the server just built everything is asked.
export FUTURELENS_STRICT=1
sh tests/editors/nvim.sh
sh tests/editors/helix.sh
sh tests/editors/vscode.sh
sh tests/editors/page.sh

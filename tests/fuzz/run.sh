#!/bin/sh
# Every fuzz target for some seconds, two at a time.
#
#   sh tests/fuzz/run.sh [SECONDS]     (10)
#
# Needs a nightly toolchain; installs cargo-fuzz if it is not there. Prints a line for each target, and fails if one
# found something: the input is in tests/fuzz/artifacts then. `cargo fuzz run --fuzz-dir tests/fuzz TARGET` runs one
# for as long as one likes.
# Environment: TARGETS, which (all); JOBS, how many at a time (2); LOGS, where what they print is kept.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

seconds=${1:-10}
jobs=${JOBS:-2}
logs=${LOGS:-$here/target/logs}
targets=${TARGETS:-sizes bodies dep_info kept messages lsp edits layouts}
# None of our code is unsafe, so the address sanitizer has nothing to find, and takes half of the speed.
# More units of code are compiled in less time.
options="--fuzz-dir $here --sanitizer none --codegen-units 16"
corpus=$here/corpus
# An input takes milliseconds; on a busy machine seconds. What hangs is a finding, as is a gigabyte.
limits="-max_total_time=$seconds -timeout=60 -rss_limit_mb=1500 -max_len=32768"
if [ "$seconds" -le 60 ]; then
    # The build would take most of the time; and what a short run finds, the next one finds again: it does not begin
    # with what others have found, which it would have to read first, however long that takes.
    options="$options --dev"
    limits="$limits -seed=1"
    corpus=$here/target/corpus
    rm -rf "$corpus"
fi

if ! cargo fuzz --version >/dev/null 2>&1; then
    cargo install cargo-fuzz --locked --debug
fi
cargo run --quiet --package futurelens-tests --example seeds -- "$here/seeds"
# shellcheck disable=SC2086
cargo +nightly fuzz build $options
mkdir -p "$logs"

# fuzz TARGET: its line.
fuzz() {
    mkdir -p "$corpus/$1" "$here/seeds/$1"
    # shellcheck disable=SC2086
    if cargo +nightly fuzz run $options "$1" "$corpus/$1" "$here/seeds/$1" -- $limits -print_final_stats=1 \
        >"$logs/$1" 2>&1; then
        found=none
    else
        found="in $logs/$1"
    fi
    stat() { sed -n "s/^stat::$1: *//p" "$logs/$target" | tail -n 1; }
    target=$1
    runs=$(stat number_of_executed_units)
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$logs/$1" | tail -n 1)
    printf '%-9s %9s runs  %4s s  %6s exec/s  %6s edges  %5s MB  finding: %s\n' \
        "$1" "${runs:-?}" "$seconds" "$(stat average_exec_per_sec)" "${covered:-?}" "$(stat peak_rss_mb)" "$found"
    [ "$found" = none ]
}

failed=0
running=""
wait_for() {
    for process in $1; do
        wait "$process" || failed=1
    done
}
count=0
for target in $targets; do
    fuzz "$target" &
    running="$running $!"
    count=$((count + 1))
    if [ $((count % jobs)) = 0 ]; then
        wait_for "$running"
        running=""
    fi
done
wait_for "$running"
exit $failed

#!/bin/sh
# The plugin editors/nvim in a real Neovim, beside a second language server.
#
#   sh tests/editors/nvim.sh
#
# Environment: FUTURELENS, the server (target/release/futurelens); EDITORS, where setup.sh put the editors
# (target/editors); PATIENCE, seconds to wait for one thing (30); CI: that there is no editor is a failure;
# FUTURELENS_STRICT=1: so is a server without futurelens/layout.
set -eu
. "$(dirname "$0")/common.sh"
nvim=
# A compiler that is being stopped may still write once.
clean() {
    [ -z "$nvim" ] || kill -9 "$nvim" 2>/dev/null || true
    rm -rf "$work" 2>/dev/null || { sleep 1 && rm -rf "$work"; } || true
}
trap clean EXIT

fail() {
    echo "FAILED: $1"
    tail -n 20 "$work/state/nvim/lsp.log" 2>/dev/null || true
    exit 1
}

export TEST_PLUGIN="$repository/editors/nvim" TEST_SERVER="$server" TEST_SECOND="$second"
export TEST_PIDS="$work/pids" TEST_PATIENCE="${PATIENCE:-30}"
cd "$work/article"
"$editors/bin/nvim" --version | head -n 1
# The help is well-formed: every tag once.
cp -R "$TEST_PLUGIN/doc" "$work/doc"
"$editors/bin/nvim" --headless -n -i NONE -u NONE --cmd "helptags $work/doc" --cmd quit </dev/null
grep -q '^:FuturelensLayout' "$work/doc/tags" || fail "the help has no tags"
echo "ok  the help is well-formed"
timeout -k 5 $((TEST_PATIENCE * 10)) "$editors/bin/nvim" --headless -n -i NONE -u "$here/nvim-init.lua" \
    src/boxes.rs -c "luafile $here/nvim.lua" </dev/null || fail "exit status $?"

# all_end WHAT: nothing that was started outlives the editor.
all_end() {
    [ -s "$work/pids" ] || fail "the servers were not among Neovim's children"
    tries=0
    for pid in $(cat "$work/pids"); do
        while kill -0 "$pid" 2>/dev/null; do
            tries=$((tries + 1))
            [ $tries -lt 100 ] || fail "process $pid outlives Neovim"
            sleep 0.1
        done
    done
    echo "ok  $1"
}
all_end "both servers end with Neovim"

rm "$work/pids"
"$editors/bin/nvim" --headless -n -i NONE -u "$here/nvim-init.lua" src/boxes.rs \
    -c "luafile $here/nvim-pids.lua" </dev/null >"$work/killed" 2>&1 &
nvim=$!
tries=0
until [ -s "$work/pids" ]; do
    tries=$((tries + 1))
    [ $tries -lt $((TEST_PATIENCE * 10)) ] || fail "the servers do not start: $(cat "$work/killed")"
    sleep 0.1
done
kill -9 $nvim
wait $nvim 2>/dev/null || true
nvim=
all_end "and when it is killed"

echo "passed: nvim.sh"

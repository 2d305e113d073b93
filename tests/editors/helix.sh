#!/bin/sh
# The configurations in editors/helix in a real Helix, in a terminal of its own, beside a second language
# server that takes rust-analyzer's place.
#
#   sh tests/editors/helix.sh
#
# Environment: FUTURELENS, the server (target/release/futurelens); EDITORS, where setup.sh put the editors
# (target/editors); PATIENCE, seconds to wait for one thing (30); CI: that there is no editor is a failure;
# FUTURELENS_STRICT=1: so is a server without sizes as diagnostics; SHOW=1 prints the screens.
set -eu
. "$(dirname "$0")/common.sh"

patience=${PATIENCE:-30}
LC_ALL=C.UTF-8
TERM=xterm-256color
COLORTERM=truecolor
export LC_ALL TERM COLORTERM
unset TMUX

terminal() { "$editors/bin/tmux" -u -S "$work/terminal" -f /dev/null "$@"; }
screen() { terminal capture-pane -p -t helix; }
keys() { terminal send-keys -t helix "$@"; }
clean() {
    terminal kill-server 2>/dev/null || true
    rm -rf "$work" 2>/dev/null || { sleep 1 && rm -rf "$work"; } || true
}
trap clean EXIT

fail() {
    echo "FAILED: $1"
    screen || true
    grep -e WARN -e ERROR "$work/log" 2>/dev/null | grep -v tree-sitter | tail -n 10 | cut -c 1-500 || true
    exit 1
}
fine() {
    echo "ok  $1"
    [ -z "${SHOW:-}" ] || screen
}

is_seen() { screen | grep -q -e "$1"; }

# wait_for TEXT [KEY...]: until the text (an expression for grep) is on the screen, with the keys pressed every
# second; says whether it came.
wait_for() {
    text=$1
    shift
    waited=0
    until is_seen "$text"; do
        waited=$((waited + 1))
        [ $waited -lt $((patience * 10)) ] || return 1
        if [ $# -gt 0 ] && [ $((waited % 10)) = 3 ]; then
            keys "$@"
        fi
        sleep 0.1
    done
}
# sees WHAT TEXT [KEY...]: a check.
sees() {
    what=$1
    shift
    wait_for "$@" || fail "$what: no /$1/"
    fine "$what"
}

# escape TEXT: closes what shows the text. Nothing is typed before it is gone: an escape with a key behind it
# would be that key with Alt.
escape() {
    keys Escape
    waited=0
    while is_seen "$1"; do
        waited=$((waited + 1))
        [ $waited -lt $((patience * 10)) ] || fail "it does not close: /$1/"
        sleep 0.1
    done
    sleep 0.1
}

# Puts the cursor on a line, counted from 1, and this many characters behind its first letter: on this column.
go_to() {
    keys -l ":goto $1"
    keys Enter
    keys g s
    [ "$2" = 0 ] || keys -l "$2l"
    wait_for " $1:$3 *\$" || fail "the cursor does not come to $1:$3"
}

# hover WHAT TEXT: a check.
hover() {
    waited=0
    keys Space k
    until is_seen "$2"; do
        waited=$((waited + 1))
        [ $waited -lt $((patience * 10)) ] || fail "$1: no /$2/"
        [ $((waited % 20)) != 0 ] || keys Space k
        sleep 0.1
    done
    fine "$1"
}

box='Box this future with Box::pin (saves 4084 B)'
# Opens the menu of actions until ours is in it: they are measured one after the other.
open_actions() {
    opened=0
    while :; do
        keys Space a
        wait_for 'Second: a comment' || fail "no menu of actions"
        ! is_seen "$box" || return 0
        escape 'Second: a comment'
        opened=$((opened + 1))
        [ $opened -lt $((patience * 2)) ] || fail "boxing the awaited future is not offered"
        sleep 0.3
    done
}

box_it() {
    open_actions
    fine "boxing the awaited future is offered, measured, beside the second server's action"
    # The menu hangs below line 19, which is the screen's; the first action is selected.
    row=$(screen | grep -n "$box" | cut -d : -f 1)
    while [ "$row" -gt 20 ]; do
        keys Down
        row=$((row - 1))
    done
    keys Enter
    sees "it is applied" ' 19 .*  Box::pin(large_future())\.await'
    keys -l ':write'
    keys Enter
    waited=0
    until [ "$(grep -c 'Box::pin(large_future()).await' src/boxes.rs)" = 2 ]; do
        waited=$((waited + 1))
        [ $waited -lt $((patience * 10)) ] || fail "the text is not written"
        sleep 0.1
    done
}

# open CONFIGURATION: Helix with the project as it was.
open() {
    echo "-- $1"
    rm -rf "$work/article/src"
    cp -R "$repository/tests/fixtures/article/src" "$work/article/src"
    cp "$repository/editors/helix/$1" "$work/config/helix/languages.toml"
    : >"$work/pids"
    terminal new-session -d -s helix -x 120 -y 52 \
        "'$editors/bin/hx' -v --log '$work/log' src/boxes.rs; echo Helix left with status \$?; sleep 1000"
    sees "Helix opens the file" 'src/boxes\.rs '
}

leave() {
    keys -l ':quit'
    keys Enter
    wait_for 'Helix left with status 0' || fail "Helix does not leave"
    [ "$(wc -l <"$work/pids")" = 2 ] || fail "not each server was started once"
    for pid in $(cat "$work/pids"); do
        waited=0
        while kill -0 "$pid" 2>/dev/null; do
            waited=$((waited + 1))
            [ $waited -lt 100 ] || fail "process $pid outlives Helix"
            sleep 0.1
        done
    done
    fine "both servers end with Helix"
    terminal kill-session -t helix
}

# The configurations name the servers as they are called; these are found first.
mkdir "$work/bin" "$work/config/helix"
cp "$repository/editors/helix/config.toml" "$work/config/helix/config.toml"
printf '#!/bin/sh\necho $$ >>"%s/pids"\nexec "%s" "$@"\n' "$work" "$server" >"$work/bin/futurelens"
printf '#!/bin/sh\necho $$ >>"%s/pids"\nexec %s\n' "$work" "$second" >"$work/bin/rust-analyzer"
chmod +x "$work/bin/futurelens" "$work/bin/rust-analyzer"
PATH=$work/bin:$PATH
export PATH
cd "$work/article"

version=$("$editors/bin/hx" --version | sed -n 's/^helix \([0-9]*\)\.0*\([0-9]*\).*/\1 \2/p')
"$editors/bin/hx" --version
# Since 25.7 the hovers of all servers are shown, one after the other.
has_all_hovers() { [ "${version% *}" -gt 25 ] || { [ "${version% *}" = 25 ] && [ "${version#* }" -ge 7 ]; }; }

held='4,099 B (99 %) awaited {async fn large_future()}, line 19'
open languages.toml
sees "the size of a fn is a hint" 'caller_inline() 4\.0 KiB · 65 cache lines {' Space i
sees "so is what an await holds" 'large_future()\.await 4\.0 KiB held;'
! is_seen ': Second' || fail "hints of the second server"
go_to 18 13 14
if has_all_hovers; then
    hover "the hover is one of two" '\[./2\]'
    is_seen '/2\] futurelens' || keys M-n
    sees "the other is reached with a key" '/2\] futurelens'
else
    hover "a hover" 'async fn boxes::caller_inline: 4,100 bytes'
fi
sees "it shows what is held" "$held"
escape "$held"
go_to 19 0 5
box_it
sees "after saving the hint shows the new size" 'caller_inline() 16 B · 1 cache line {' Space i
leave

open languages-types.toml
sees "the hints are the second server's" 'let page: Second = ' Space i
go_to 19 0 5
# When an action is measured the sizes are there.
open_actions
escape "$box"
waited=0
until is_seen '65 cache lines' || [ $waited = 20 ]; do
    waited=$((waited + 1))
    sleep 0.1
done
if is_seen '65 cache lines'; then
    has_sizes=yes
    fine "the size of a fn is a diagnostic"
elif [ -n "${FUTURELENS_STRICT:-}" ]; then
    fail "no size as a diagnostic"
else
    has_sizes=
    echo "    not tested: sizes as diagnostics; this server has none (hints.asDiagnostics)"
fi
go_to 18 13 14
hover "its hover comes first" 'second hover'
if has_all_hovers; then
    keys M-n
    sees "the other is reached with a key" "$held"
    escape "$held"
else
    escape 'second hover'
fi
go_to 19 0 5
box_it
if [ -n "$has_sizes" ]; then
    sees "after saving it shows the new size, unasked" 'caller_inline() {.*16 B · 1 cache line'
fi
leave
echo "passed: helix.sh"

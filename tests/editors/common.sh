# Read by nvim.sh and helix.sh: sets `editors`, `server` and `work`, a temporary folder with the project.

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)

# missing WHY: there is no editor to test in. That is no failure, but in CI.
missing() {
    echo "$(basename "$0"): not tested: $1"
    [ -z "${CI:-}" ] || exit 1
    exit 0
}

editors=${EDITORS:-$repository/target/editors}
sh "$here/setup.sh" "$editors" || missing "the editors cannot be fetched"
editors=$(cd "$editors" && pwd)

server=${FUTURELENS:-${CARGO_TARGET_DIR:-$repository/target}/release/futurelens}
if ! [ -x "$server" ]; then
    echo "$(basename "$0"): no server at $server: cargo build --release -p futurelens" >&2
    exit 1
fi
server=$(cd "$(dirname "$server")" && pwd)/$(basename "$server")

work=$(mktemp -d)
work=$(cd "$work" && pwd -P)
cp -R "$repository/tests/fixtures/article" "$work/article"
rm -rf "$work/article/target"
# Nothing of the user's, and nothing of theirs written.
mkdir "$work/config" "$work/data" "$work/state" "$work/cache"
export XDG_CONFIG_HOME="$work/config" XDG_DATA_HOME="$work/data" XDG_STATE_HOME="$work/state"
export XDG_CACHE_HOME="$work/cache" XDG_CONFIG_DIRS="$work/none" XDG_DATA_DIRS="$work/none"
unset CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR
# A command that starts the second server.
second="$editors/bin/nvim -l $here/second-server.lua"

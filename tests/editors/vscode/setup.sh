#!/bin/sh
# Fetches a VS Code workbench (code-server), a headless Chromium and playwright-core into a folder, once.
#
#   sh setup.sh DEST
#
# Needs npm, and apt-get on Debian or a CHROMIUM of one's own. Nothing is installed outside of DEST, and no
# install script of any package runs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: setup.sh DEST}"
dest=$(cd "$1" && pwd)

code_server=4.139.1
node=24.21.0
playwright=1.65.1

case $(uname -sm) in
"Linux x86_64") arch=x64 triple=x86_64-linux-gnu ;;
"Linux aarch64") arch=arm64 triple=aarch64-linux-gnu ;;
*)
    echo "no workbench for $(uname -sm)" >&2
    exit 2
    ;;
esac
# Both parts are only right where they were made.
stamp="$dest $arch code-server $code_server node $node playwright-core $playwright 2"

workbench() {
    [ "$(cat "$dest/workbench.ok" 2>/dev/null)" != "$stamp" ] || return 0
    rm -rf "$dest/node_modules" "$dest/package-lock.json"
    cat >"$dest/package.json" <<JSON
{ "private": true, "dependencies": {
  "code-server": "$code_server", "node-linux-$arch": "$node", "playwright-core": "$playwright" } }
JSON
    install="npm install --ignore-scripts --no-audit --no-fund --loglevel=error"
    (cd "$dest" && $install)
    # What code-server's install script would do, without its compiling: the packages of the workbench itself.
    cd "$dest/node_modules/code-server/lib/vscode"
    node "$here/slim.js"
    $install --omit=dev
    cp "$here/spdlog.js" node_modules/@vscode/spdlog/index.js
    echo 'exports.start = () => {}; exports.exit = (code) => process.exit(code || 0);' \
        >node_modules/@vscode/native-watchdog/index.js
    "$dest/node_modules/node-linux-$arch/bin/node" "$dest/node_modules/code-server/out/node/entry.js" --version
    echo "$stamp" >"$dest/workbench.ok"
}

# Debian's headless shell, unpacked beside the system with all its libraries but the C library.
chromium() {
    if [ -n "${CHROMIUM:-}" ]; then
        mkdir -p "$dest/bin"
        ln -sf "$CHROMIUM" "$dest/bin/chromium"
        return 0
    fi
    [ "$(cat "$dest/chromium.ok" 2>/dev/null)" != "$stamp" ] || return 0
    rm -rf "$dest/apt" "$dest/chromium" "$dest/bin"
    mkdir -p "$dest/apt/lists/partial" "$dest/apt/archives/partial" "$dest/chromium" "$dest/bin"
    . /etc/os-release
    # This machine's own mirror and keys, in a package state of our own.
    mirror=$(sh "$(dirname "$0")/../mirror.sh")
    signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    {
        echo "deb $signed $mirror $VERSION_CODENAME main"
        echo "deb $signed ${mirror%/debian}/debian-security $VERSION_CODENAME-security main"
    } >"$dest/apt/sources.list"
    # Whatever the system has installed, the same is fetched: a package of its own would be missing from the folder,
    # and Chromium looks for its data beside itself. The C library is the system's, as the loader is, and what
    # chromium-common wants for windows is of no use here.
    for package in libc6 x11-utils xdg-utils; do
        printf 'Package: %s\nStatus: install ok installed\nArchitecture: %s\nVersion: 999\n\n' \
            $package "$(dpkg --print-architecture)"
    done >"$dest/apt/status"
    cat >"$dest/apt/apt.conf" <<CONF
Dir::State "$dest/apt";
Dir::State::status "$dest/apt/status";
Dir::Cache "$dest/apt";
Dir::Etc::sourcelist "$dest/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11-icons-small::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
CONF
    (
        export APT_CONFIG="$dest/apt/apt.conf"
        apt-get -qq update
        apt-get -qq -y --no-remove --download-only install chromium-headless-shell >/dev/null
    )
    for package in "$dest"/apt/archives/*.deb; do dpkg-deb -x "$package" "$dest/chromium"; done
    rm -rf "$dest/apt"
    # Without any font every text is empty: those that were fetched, after the system's.
    cat >"$dest/chromium/fonts.conf" <<CONF
<fontconfig>
<cachedir>$dest/chromium/fonts</cachedir>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<include ignore_missing="yes">$dest/chromium/usr/share/fontconfig/conf.avail/60-latin.conf</include>
<dir>$dest/chromium/usr/share/fonts</dir>
</fontconfig>
CONF
    cat >"$dest/bin/chromium" <<RUN
#!/bin/sh
r="$dest/chromium"
export LD_LIBRARY_PATH="\$r/usr/lib/$triple:\$r/usr/lib/$triple/pulseaudio:\$r/lib/$triple:\${LD_LIBRARY_PATH:-}"
export FONTCONFIG_FILE="\$r/fonts.conf"
exec "\$r/usr/lib/chromium/chromium-headless-shell" "\$@"
RUN
    chmod +x "$dest/bin/chromium"
    # With --version it would not miss its data.
    timeout 120 "$dest/bin/chromium" --headless --no-sandbox --disable-gpu --disable-background-networking \
        --user-data-dir="$dest/chromium/profile" --dump-dom 'data:text/html,<p>It starts.' | grep 'It starts'
    rm -rf "$dest/chromium/profile"
    echo "$stamp" >"$dest/chromium.ok"
}

# Side by side: both mostly wait for the network.
chromium >"$dest/chromium.log" 2>&1 &
browser=$!
(workbench) >"$dest/workbench.log" 2>&1 || {
    cat "$dest/workbench.log" >&2
    exit 1
}
wait $browser || {
    cat "$dest/chromium.log" >&2
    exit 1
}
ln -sf "../node_modules/node-linux-$arch/bin/node" "$dest/bin/node"

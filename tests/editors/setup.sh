#!/bin/sh
# Fetches Neovim, Helix and tmux for the tests in this folder, from Debian's packages, into target/editors.
# Nothing is installed: the packages are unpacked there, with the C library they were built for. Fetched once.
#
#   sh tests/editors/setup.sh [FOLDER]    target/editors/bin/{nvim,hx,tmux}
#
# Environment: SUITE, a Debian suite other than trixie (Neovim 0.10, Helix 25.01); DEBIAN_MIRROR, where from if
# not from where this machine has its own packages.
set -eu

repository=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$repository/target/editors}
suite=${SUITE:-trixie}
packages="neovim hx tmux"

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# The programs are bound to the folder, so it is part of what was made.
made="$suite: $packages: $folder: 1"

# One at a time; the second finds everything there.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$folder/lock"
    flock 9
fi
if [ "$(cat "$folder/made" 2>/dev/null)" = "$made" ]; then
    exit 0
fi

for tool in apt-get dpkg dpkg-deb; do
    if ! command -v $tool >/dev/null 2>&1; then
        echo "no $tool: the editors can only be fetched on Debian" >&2
        exit 1
    fi
done
mirror=$(sh "$repository/tests/editors/mirror.sh")
if [ -z "$mirror" ]; then
    echo "apt knows no Debian mirror: name one in DEBIAN_MIRROR" >&2
    exit 1
fi

# apt with a state of its own, where nothing is installed yet: it fetches all that is needed, the C library
# too, and the system's state stays as it is.
state=$folder/apt
rm -rf "$state" "$folder/root" "$folder/bin" "$folder/made"
mkdir -p "$state/lists/partial" "$state/archives/partial" "$folder/root" "$folder/bin"
: >"$state/status"
arch=$(dpkg --print-architecture)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys arch=$arch] $mirror $suite main" >"$state/sources"
cat >"$state/conf" <<END
Dir::State "$state";
Dir::State::status "$state/status";
Dir::Cache "$state";
Dir::Etc::sourcelist "$state/sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
// Hooks of container images delete what was fetched.
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
END
APT_CONFIG=$state/conf
export APT_CONFIG
apt-get -qq update
# patchelf is only needed here.
apt-get -qq --yes --download-only install $packages patchelf >/dev/null
for package in "$state"/archives/*.deb; do
    dpkg-deb --extract "$package" "$folder/root"
done
rm -rf "$state"

# The programs find their loader and libraries by themselves. With LD_LIBRARY_PATH the servers they start would
# find them too, and those belong to this system.
loader=$(ls "$folder"/root/usr/lib/*/ld-linux*.so.* | head -n 1)
libraries=$(dirname "$loader")
for program in usr/bin/nvim usr/lib/hx/hx usr/bin/tmux; do
    "$loader" --library-path "$libraries" "$folder/root/usr/bin/patchelf" \
        --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$folder/root/$program"
done

starter() { # NAME PROGRAM VARIABLE=VALUE
    printf '#!/bin/sh\n%s exec "%s" "$@"\n' "$3" "$folder/root/$2" >"$folder/bin/$1"
    chmod +x "$folder/bin/$1"
}
starter nvim usr/bin/nvim "VIMRUNTIME='$folder/root/usr/share/nvim/runtime'"
starter hx usr/lib/hx/hx "HELIX_RUNTIME='$folder/root/usr/lib/hx/runtime'"
starter tmux usr/bin/tmux ""
"$folder/bin/nvim" --version | head -n 1
"$folder/bin/hx" --version
"$folder/bin/tmux" -V
echo "$made" >"$folder/made"

#!/bin/sh
# Prints where this machine has its Debian packages from, without a slash at the end; nothing if it is not known.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep '/debian/*$' | head -n 1)}
if [ -z "$mirror" ]; then
    # Before the first `apt-get update` apt knows only what is configured.
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        sed -n -e 's/^URIs: *//p' -e 's/^deb \(\[[^]]*\] *\)\{0,1\}//p' | cut -d' ' -f1 | grep '/debian/*$' | head -n 1)
fi
printf '%s\n' "$mirror" | sed 's:/*$::'

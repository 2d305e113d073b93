#!/bin/sh
# Keeps what compilers print of server/golden/source.rs, for the tests of what reads it. To add a compiler:
#
#   rustup toolchain install NAME --profile minimal
#   sh tests/goldens.sh NAME...
#
# Without a name it does so again for each compiler that is there. Explanations of constants are left out, and the hash
# of the standard library.
set -eu
cd "$(dirname "$0")/../server/golden"
folder=$(pwd)

[ $# -gt 0 ] || set -- $(ls -d */ | tr -d /)
for name in "$@"; do
    work=$(mktemp -d)
    # In a folder of its own: paths are printed as they are given.
    mkdir "$work/src"
    cp source.rs "$work/src/lib.rs"
    # Compilers up to 1.88 know other words for the list of all instances.
    list=yes
    if RUSTC_BOOTSTRAP=1 rustc "+$name" -Zhelp | grep -q 'eager. means to collect all items'; then
        list=eager
    fi
    (
        cd "$work"
        RUSTC_BOOTSTRAP=1 rustc "+$name" --crate-name golden --edition=2024 --crate-type lib src/lib.rs --cap-lints=allow \
            --emit=metadata,obj --out-dir out -C opt-level=3 -Zprint-type-sizes -Zverbose-internals \
            -Ztrim-diagnostic-paths=no -Zdump-mir=coroutine_post -Zmir-include-spans=yes -Zmir-opt-level=1 -Zno-codegen \
            "-Zprint-mono-items=$list" -Zdump-mir-dir=mir >sizes.txt
    )
    rm -rf "${folder:?}/$name"
    mkdir "$folder/$name"
    grep -v '^MONO_ITEM' "$work/sizes.txt" >"$folder/$name/sizes.txt"
    grep '^MONO_ITEM' "$work/sizes.txt" >"$folder/$name/instances.txt" || true
    for body in "$work"/mir/*.mir; do
        grep -v '^ \{30,\}//' "$body" >"$folder/$name/$(basename "$body")"
    done
    # What differs from one build of the same source to the next.
    sed -i -E 's/\b(golden|core|alloc|std)\[[0-9a-f]+\]/\1/g; s/golden\.[0-9a-f]{16}-cgu/golden-cgu/' "$folder/$name"/*
    rustc "+$name" -V >"$folder/$name/version.txt"
    rm -rf "$work"
    echo "$name: $(ls "$folder/$name" | grep -c mir$) bodies"
done

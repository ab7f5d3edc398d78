#!/usr/bin/env bash
# Builds the JavaScript runtime, a component, from its sources.
#
#   ./build.sh [OUT.WASM]     (prebuilt/javascript.wasm by default, with the digest of its sources beside it)
#   ./build.sh --check        (says whether prebuilt/javascript.wasm was built from the sources that are here)
#
# It takes some minutes, which a build of Airlock should not: the repository carries the result. Needs clang (QuickJS is C)
# and a Rust compiler for wasm32-unknown-unknown: the target of rustup, or Debian's rustc-web with rust-web-src.
#
# Environment: CARGO_TARGET_DIR (a folder `javascript` is made in it; $HOME/.cache/airlock/target by default),
# COMPONENTIZE (the path of a built `componentize`; by default cargo builds and runs the one in this repository).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
say() { printf 'build.sh: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# The component's sources: the interfaces are those that runtime/src/bindings.rs names. Sorted by name, so that the digest is
# the same on every machine.
digest() {
    cd "$checkout"
    local wit=tests/guests/wit/deps
    find guest-shim/js/lib guest-shim/js/runtime wit/webgpu.wit "$wit"/{cli,clocks,filesystem} -type f \
        -not -path '*/target/*' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

if [ "${1:-}" = --check ]; then
    [ "$(digest)" = "$(cat "$here/prebuilt/sources.sha256")" ] ||
        die "prebuilt/javascript.wasm was built from other sources: run guest-shim/js/build.sh"
    exit 0
fi

out=${1:-$here/prebuilt/javascript.wasm}
mkdir -p "$(dirname "$out")"
target=wasm32-unknown-unknown
host_target_dir=${CARGO_TARGET_DIR:-$HOME/.cache/airlock/target}
target_dir=$host_target_dir/javascript
cargo_home=${CARGO_HOME:-$HOME/.cargo}
command -v clang >/dev/null || die "no clang: apt-get install clang"

args=(--release --locked --target "$target")
if rustup target list --installed 2>/dev/null | grep -qx "$target"; then
    compiler=rustc
else
    compiler=/usr/bin/rustc
    [ -d "$("$compiler" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library" ] ||
        die "no compiler for $target: rustup target add $target, or apt-get install rustc-web rust-web-src"
    export RUSTC=$compiler
    args+=(-Zbuild-std=std,panic_abort)
    # Debian's own wasm-ld may be too old: the C library needs a symbol that LLVM 15 brought.
    linker=$(ls "$(rustc --print sysroot)"/lib/rustlib/*/bin/rust-lld 2>/dev/null | head -n 1 || true)
    [ -n "$linker" ] || linker=$(command -v wasm-ld) || die "no linker: install lld"
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker
fi

# No path of this machine may reach the binary. The compiler lets the last matching prefix win, so the widest comes first.
sysroot=$("$compiler" --print sysroot)
# The part of the stack that lies in the component's memory. It is larger than what its host has for the other part, so that
# recursion that nothing measures (the parser of TypeScript) ends there, with a message. What is not used takes no memory.
flags=(-Zlocation-detail=none -Clink-arg=-zstack-size=67108864
    "--remap-path-prefix=$HOME=home"
    "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=rust"
    "--remap-path-prefix=$checkout=airlock"
    "--remap-path-prefix=$cargo_home=cargo")
for registry in "$cargo_home"/registry/src/*/; do
    flags+=("--remap-path-prefix=${registry%/}=registry")
done
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; printf '%s' "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS
(cd "$here/runtime" && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$target_dir cargo build "${args[@]}")
unset CARGO_ENCODED_RUSTFLAGS RUSTC

componentize=${COMPONENTIZE:-}
if [ -z "$componentize" ]; then
    (cd "$checkout" && CARGO_TARGET_DIR=$host_target_dir cargo build --profile checks -p airlock-tests --bin componentize)
    componentize=$host_target_dir/checks/componentize
fi
"$componentize" "$target_dir/$target/release/airlock_js.wasm" "$out"
for path in "$HOME" "$checkout" "$cargo_home" "$sysroot/lib"; do
    if grep -aqF -- "$path/" "$out"; then
        die "$out contains a path of this machine ($path)"
    fi
done
if [ "$out" = "$here/prebuilt/javascript.wasm" ]; then
    digest > "$here/prebuilt/sources.sha256"
fi

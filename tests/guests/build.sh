#!/usr/bin/env bash
# Builds the guests and turns each one into a component.
#
#   ./build.sh [OUT [GUEST...]]
#
# OUT is the folder that receives <guest>.wasm, prebuilt/ beside this script by default; without names every guest is
# built. Two ways to a compiler for wasm32-unknown-unknown are tried: the target of the rustup toolchain, and Debian's
# rustc-web, which brings the standard library's sources (installed with apt-get where that is possible).
#
# Environment: CARGO_TARGET_DIR (a folder `guests` is made in it; $HOME/.cache/airlock/target by default),
# COMPONENTIZE (the path of a built `componentize`; by default cargo builds and runs the one in this repository).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
out=${1:-$here/prebuilt}
[ $# -gt 0 ] && shift
mkdir -p "$out"
out=$(cd "$out" && pwd)

target=wasm32-unknown-unknown
host_target_dir=${CARGO_TARGET_DIR:-$HOME/.cache/airlock/target}
guest_target_dir=$host_target_dir/guests
cargo_home=${CARGO_HOME:-$HOME/.cargo}

say() { printf 'build.sh: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

cd "$here"
guests=("$@")
if [ ${#guests[@]} -eq 0 ]; then
    for manifest in */Cargo.toml; do
        guest=${manifest%/Cargo.toml}
        # `support`, `service`, `window` and `measure` are libraries, and `wgpu` a workspace of its own with a script of its own.
        case $guest in support | service | window | measure | wgpu) ;; *) guests+=("$guest") ;; esac
    done
fi
packages=()
for guest in "${guests[@]}"; do
    [ -f "$guest/Cargo.toml" ] || die "there is no guest named $guest"
    packages+=(-p "$guest")
done

has_rustup_target() {
    command -v rustup >/dev/null || return 1
    rustup target list --installed 2>/dev/null | grep -qx "$target" && return 0
    timeout 120 rustup target add "$target" >/dev/null 2>&1
}

has_debian_rust() {
    [ -x /usr/bin/rustc ] && [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library" ]
}

install_debian_rust() {
    command -v apt-get >/dev/null || return 1
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || return 1
        as_root=(sudo)
    fi
    say "installing rustc-web, rust-web-src and lld"
    "${as_root[@]}" apt-get update -qq >&2 || true
    "${as_root[@]}" apt-get install -y --no-install-recommends rustc-web rust-web-src lld >&2
}

build_args=(--release --locked --target "$target")
if has_rustup_target; then
    compiler=rustc
else
    has_debian_rust || install_debian_rust || true
    has_debian_rust || die "no compiler for $target: 'rustup target add $target' fails, and Debian's rustc-web with" \
        "rust-web-src is not installed"
    compiler=/usr/bin/rustc
    export RUSTC=$compiler
    build_args+=(-Zbuild-std=std,panic_abort)
    linker=$(command -v wasm-ld || ls "$(rustc --print sysroot)"/lib/rustlib/*/bin/rust-lld 2>/dev/null | head -n 1 || true)
    [ -n "$linker" ] || die "no linker: install lld"
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker
fi

# No path of this machine may reach the binaries. The compiler lets the last matching prefix win, so the widest comes
# first. Both flags' unstable one is why RUSTC_BOOTSTRAP is set for either compiler.
sysroot=$("$compiler" --print sysroot)
flags=(-Zlocation-detail=none
    "--remap-path-prefix=$HOME=home"
    "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=rust"
    "--remap-path-prefix=$checkout=airlock"
    "--remap-path-prefix=$cargo_home=cargo")
for registry in "$cargo_home"/registry/src/*/; do
    flags+=("--remap-path-prefix=${registry%/}=registry")
done
# Unit separators instead of spaces: folders may have spaces in their names.
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; printf '%s' "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS

RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$guest_target_dir cargo build "${build_args[@]}" "${packages[@]}"
unset CARGO_ENCODED_RUSTFLAGS RUSTC

componentize=${COMPONENTIZE:-}
if [ -z "$componentize" ]; then
    (cd "$checkout" && CARGO_TARGET_DIR=$host_target_dir cargo build --profile checks -p airlock-tests --bin componentize)
    componentize=$host_target_dir/checks/componentize
fi

for guest in "${guests[@]}"; do
    "$componentize" "$guest_target_dir/$target/release/${guest//-/_}.wasm" "$out/$guest.wasm"
done

# What a reader of the binaries must not learn: where they were built.
for guest in "${guests[@]}"; do
    for path in "$HOME" "$checkout" "$cargo_home" "$sysroot/lib"; do
        if grep -aqF -- "$path/" "$out/$guest.wasm"; then
            die "$guest.wasm contains a path of this machine ($path)"
        fi
    done
done

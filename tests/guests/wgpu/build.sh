#!/usr/bin/env bash
# Builds the programs as components.
#
#   ./build.sh [--passes] [--unknown] [OUT [PROGRAM...]]
#
# --passes has the commands of passes cross as lists (the feature of wgpu-wasi); such components run on Airlock only.
# OUT is the folder that receives <program>.wasm, prebuilt/ beside this script by default; without names every program is
# built. The target is wasm32-wasip2: rustup's, or Debian's rustc-web with wasi-libc where rustup cannot add it.
# --unknown builds for wasm32-unknown-unknown, where std has no output, arguments, files and clocks.
#
# Environment: CARGO_TARGET_DIR (a folder `wgpu-guests` is made in it; $HOME/.cache/airlock/target by default).
set -euo pipefail

features=()
target=wasm32-wasip2
while true; do
    case ${1:-} in
        --passes) features+=(support/passes) ;;
        --unknown) target=wasm32-unknown-unknown ;;
        *) break ;;
    esac
    shift
done
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../../.." && pwd)
out=${1:-$here/prebuilt}
[ $# -gt 0 ] && shift
mkdir -p "$out"
out=$(cd "$out" && pwd)

target_dir=${CARGO_TARGET_DIR:-$HOME/.cache/airlock/target}/wgpu-guests
cargo_home=${CARGO_HOME:-$HOME/.cargo}

say() { printf 'build.sh: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

cd "$here"
programs=("$@")
if [ ${#programs[@]} -eq 0 ]; then
    for main in */src/main.rs; do
        programs+=("${main%/src/main.rs}")
    done
fi
for program in "${programs[@]}"; do
    [ -f "$program/Cargo.toml" ] || die "there is no program named $program"
done

has_rustup_target() {
    command -v rustup >/dev/null || return 1
    rustup target list --installed 2>/dev/null | grep -qx "$target" && return 0
    timeout 120 rustup target add "$target" >/dev/null 2>&1
}

build_args=(--release --locked --target "$target")
flags=()
if has_rustup_target; then
    compiler=rustc
    # Makes the linked module a component. wasm32-wasip2 has this linker by default.
    [ "$target" = wasm32-wasip2 ] || flags+=(-Clinker=wasm-component-ld)
else
    compiler=/usr/bin/rustc
    source=$("$compiler" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library
    [ -d "$source" ] || die "no compiler for $target: 'rustup target add $target' fails, and Debian's rustc-web and" \
        "rust-web-src are not installed"
    export RUSTC=$compiler
    build_args+=(-Zbuild-std=std,panic_abort)
    if [ "$target" = wasm32-wasip2 ]; then
        [ -d /usr/lib/wasm32-wasi ] || die "there is no C library for $target: Debian's wasi-libc is not installed"
        features+=(support/old-wasi-libc)
        flags+=(-Lnative=/usr/lib/wasm32-wasi -Clink-self-contained=no -Clink-arg=/usr/lib/wasm32-wasi/crt1-command.o)
    fi
    flags+=("-Clinker=$(ls "$(rustc --print sysroot)"/lib/rustlib/*/bin/wasm-component-ld | head -n 1)")
fi

if [ ${#features[@]} -gt 0 ]; then
    build_args+=(--features "$(IFS=,; echo "${features[*]}")")
fi

# No path of this machine may reach the binaries. The compiler lets the last matching prefix win, so the widest comes
# first. Both flags' unstable one is why RUSTC_BOOTSTRAP is set for either compiler.
sysroot=$("$compiler" --print sysroot)
flags+=(-Zlocation-detail=none
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

for program in "${programs[@]}"; do
    # One by one: together they would all have the features of wgpu that one of them needs, and naga with them.
    RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$target_dir cargo build "${build_args[@]}" -p "$program"
    cp "$target_dir/$target/release/$program.wasm" "$out/$program.wasm"
    # What a reader of the binaries must not learn: where they were built.
    for path in "$HOME" "$checkout" "$cargo_home" "$sysroot/lib"; do
        if grep -aqF -- "$path/" "$out/$program.wasm"; then
            die "$program.wasm contains a path of this machine ($path)"
        fi
    done
    say "$program.wasm: $(($(stat -c %s "$out/$program.wasm") / 1024)) KiB"
done

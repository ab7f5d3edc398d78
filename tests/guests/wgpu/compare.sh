#!/usr/bin/env bash
# Runs each program natively on wgpu's own drivers, natively on wgpu-airlock, and as a component under `airlock run`, on the
# same adapter, and compares what they print and the pictures that they write, byte for byte.
#
#   ./compare.sh [--renew] [PROGRAM...]
#   AIRLOCK_PEER=RUNNER ./compare.sh --hosts [PROGRAM...]
#
# --hosts compares another two: the component under `airlock run`, and the same component on another host of the interface. RUNNER is
# called as `RUNNER COMPONENT [ARGUMENT...]` (tests/bench/README.md says how one is made); it need not have files, because
# pictures are compared by their digests. A run on it that takes longer than PATIENCE is ended.
#
# --renew also keeps what the native programs did, in expected/, which `tests/tests/wgpu_guests.rs` reads. The native
# build of wgpu takes several minutes, which is why this is not part of the tests.
#
# Environment: AIRLOCK and AIRLOCK_GPU_DAEMON (the programs; by default those that `cargo build --profile checks` makes),
# AIRLOCK_WGPU_GUESTS (the folder of the components; prebuilt/ by default), CARGO_TARGET_DIR.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target_dir=${CARGO_TARGET_DIR:-$HOME/.cache/airlock/target}
airlock=${AIRLOCK:-$target_dir/checks/airlock}
export AIRLOCK_GPU_DAEMON=${AIRLOCK_GPU_DAEMON:-$target_dir/checks/gpu-daemon}
components=${AIRLOCK_WGPU_GUESTS:-$here/prebuilt}
renew=false
hosts=false
case ${1:-} in
    --renew) renew=true ;;
    --hosts) hosts=true ;;
esac
if $renew || $hosts; then
    shift
fi
# Seconds.
PATIENCE=300
cd "$here"
programs=("$@")
if [ ${#programs[@]} -eq 0 ]; then
    for main in */src/main.rs; do
        programs+=("${main%/src/main.rs}")
    done
fi
# A window is the host's: programs that open one have no native twin.
with_twin=()
for program in "${programs[@]}"; do
    grep -q 'wgpu_wasi::window' "$program/src/main.rs" || with_twin+=("$program")
done
programs=("${with_twin[@]}")
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$(mktemp -d)}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Runs a component in a folder of its own with a command, and adds a failure to what it printed.
run_component() {
    local folder=$1
    shift
    mkdir -p "$folder"
    (cd "$folder" && "$@" >stdout 2>stderr) || echo "ended with exit code $?" >>"$folder/stdout"
}

if $hosts; then
    runner=${AIRLOCK_PEER:?names the runner to compare with}
    # Another host has no such deadlines.
    patient=(--worker gpu-timeout=$PATIENCE --worker compile-timeout=$PATIENCE)
    failed=0
    for program in "${programs[@]}"; do
        component=$components/$program.wasm
        [ -f "$component" ] || continue
        arguments=("")
        grep -q write_picture "$program/src/main.rs" && arguments=(-)
        # A part that a host cannot run must not hide the next.
        [ "$program" = api ] && arguments=(memory shaders draws errors absent)
        for argument in "${arguments[@]}"; do
            both=$scratch/$program/$argument
            run_component "$both/airlock" "$airlock" run "${patient[@]}" "$component" ${argument:+"$argument"}
            run_component "$both/other" timeout $PATIENCE "$runner" "$component" ${argument:+"$argument"}
            if diff "$both/airlock/stdout" "$both/other/stdout"; then
                echo "$program $argument: equal"
            else
                echo "$program $argument: DIFFERENT"
                grep -A 2 'panicked\|Caused by' "$both/other/stderr" | head -n 5 || true
                failed=1
            fi
        done
    done
    exit $failed
fi

CARGO_TARGET_DIR=$target_dir/wgpu-native cargo build --locked --workspace --features support/vulkan
# The packages together have the shader languages of wgpu that one of them needs; wgpu-airlock has to know them all.
CARGO_TARGET_DIR=$target_dir/wgpu-behind cargo build --locked --workspace --features support/airlock,support/shaders
mkdir -p expected
failed=0
for program in "${programs[@]}"; do
    mkdir -p "$scratch/$program/native" "$scratch/$program/behind" "$scratch/$program/component"
    argument=()
    grep -q write_picture "$program/src/main.rs" && argument=(picture.png)
    (cd "$scratch/$program/native" && "$target_dir/wgpu-native/debug/$program" "${argument[@]}" >stdout)
    (cd "$scratch/$program/component" && "$airlock" run --dir . "$components/$program.wasm" "${argument[@]}" >stdout)
    (cd "$scratch/$program/behind" && "$target_dir/wgpu-behind/debug/$program" "${argument[@]}" >stdout)
    if diff -r "$scratch/$program/native" "$scratch/$program/component" &&
        diff -r "$scratch/$program/native" "$scratch/$program/behind"; then
        echo "$program: equal"
    else
        echo "$program: DIFFERENT"
        failed=1
    fi
    if $renew; then
        cp "$scratch/$program/native/stdout" "expected/$program.txt"
        if [ -f "$scratch/$program/native/picture.png" ]; then
            cp "$scratch/$program/native/picture.png" "expected/$program.png"
        fi
    fi
done
exit $failed

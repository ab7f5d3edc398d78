#!/usr/bin/env bash
# Tests wgpu-airlock: builds it, and runs its tests with a worker and the command `airlock` that are built already.
#
#   ./test.sh [--differential N] [ARGUMENTS OF cargo test...]
#
# --differential also compares N random programs with plain wgpu, whose drivers are compiled for that.
#
# Environment: CARGO_TARGET_DIR (a folder `wgpu-airlock` is made in it; $HOME/.cache/airlock/target by default), AIRLOCK and
# AIRLOCK_GPU_DAEMON (the programs; by default those that `cargo build --profile checks` makes there).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target_dir=${CARGO_TARGET_DIR:-$HOME/.cache/airlock/target}
export AIRLOCK=${AIRLOCK:-$target_dir/checks/airlock}
export AIRLOCK_GPU_DAEMON=${AIRLOCK_GPU_DAEMON:-$target_dir/checks/gpu-daemon}
export CARGO_TARGET_DIR=$target_dir/wgpu-airlock
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$(mktemp -d)}
features=spirv,glsl,naga-ir
if [ "${1:-}" = --differential ]; then
    export AIRLOCK_DIFFERENTIAL=$2
    features+=,differential
    shift 2
fi
for program in "$AIRLOCK" "$AIRLOCK_GPU_DAEMON"; do
    [ -x "$program" ] || { echo "test.sh: there is no $program: cargo build --profile checks --workspace" >&2; exit 1; }
done

cd "$here"
cargo test --locked --features "$features" "$@"

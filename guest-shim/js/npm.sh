#!/usr/bin/env bash
# Fetches the packages that the guests in JavaScript use, as they are published, into FOLDER/node_modules.
#
#   guest-shim/js/npm.sh FOLDER
set -euo pipefail
command -v npm >/dev/null || { echo "npm.sh: no npm: apt-get install npm" >&2; exit 1; }
cd "${1:?usage: npm.sh FOLDER}"
npm install --no-save --no-package-lock --no-audit --no-fund --silent wgpu-matrix@3.4.2 webgpu-utils@2.1.1 three@0.187.0 @jax-js/jax@0.1.25

#!/usr/bin/env bash
# A GPU machine's run, one command and under 10 minutes: build, kernel checks, kernel speeds, golden logits and texts, one
# table of tokens a second beside node-llama-cpp's, and decoding with steps as chains and not in turns, a line each.
#
#   bench/gpu.sh               needs Node.js (NODE, or node on the PATH) and NVIDIA's driver
#   bench/gpu.sh --switches    chains alone, checked and timed: three minutes
#
# What is there is not built again: dist/ (npm run build:ts), build/cuda (npm run build:cuda, and gpu_check with
# test/native/gpu/build-cuda.mjs --out build/cuda), build/bench/*.mjs (npm run build:bench). With these, test/golden,
# models/ and bench/ it runs without node_modules. Results, besides what is printed: OUT, or build/bench/gpu.
# node-llama-cpp is measured where its package for CUDA is installed (bench/README.md).
set -uo pipefail
cd "$(dirname "$0")/.."
node=${NODE:-node}
out=${OUT:-build/bench/gpu}
mkdir -p "$out"
failed=()

step() { # step NAME COMMAND…: its output, its time; remembers a failure
  local name=$1 start=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  if "$@" </dev/null; then
    printf '=== %s: ok, %d s\n' "$name" $((SECONDS - start))
  else
    failed+=("$name")
    printf '=== %s: FAILED, %d s\n' "$name" $((SECONDS - start))
    return 1
  fi
}

machine() {
  nvidia-smi --query-gpu=name,driver_version,memory.total,memory.used,clocks.max.sm,clocks.max.mem --format=csv,noheader
  "$node" --version
}

build() {
  if [ ! -f dist/index.js ]; then npm run build:ts || return; fi
  if [ ! -f build/bench/gpu.mjs ] || [ ! -f build/bench/gpu-switches.mjs ]; then npm run build:bench || return; fi
  if [ ! -f build/cuda/Release/openelm.node ]; then npm run build:cuda || return; fi
  if [ ! -x build/cuda/gpu_check ]; then "$node" test/native/gpu/build-cuda.mjs --out build/cuda || return; fi
}

kernel_checks() { # only failures and totals; all of it in a file
  timeout 150 build/cuda/gpu_check >"$out/kernels.tap" 2>"$out/kernels.err"
  local status=$?
  grep -A8 '^ *not ok' "$out/kernels.tap" | head -60
  tail -n 3 "$out/kernels.tap" "$out/kernels.err"
  return "$status"
}

switches() { timeout 180 "$node" build/bench/gpu-switches.mjs "$@" | tee "$out/switches.txt"; }

kernel_bench() { timeout 90 build/cuda/gpu_check --bench 2>&1 | tee "$out/kernels.txt"; }

golden() { # golden NAME [VARIABLE=VALUE]: small models, which become chains only where the variable says so
  local name=$1
  shift
  env "$@" timeout 200 "$node" bench/gpu-golden.mjs cuda >"$out/$name.tap" 2>"$out/$name.err"
  local status=$?
  grep '^not ok' "$out/$name.tap" | head -60
  tail -n 2 "$out/$name.tap"
  head -n 12 "$out/$name.err"
  return "$status"
}

# The peer needs libraries of CUDA that come with the toolkit or with Python's packages.
peer_libraries() {
  ldconfig -p | grep -q 'libcublas\.so\.13' && return
  local found
  found=$(find /opt /usr/local -name libcublas.so.13 -print -quit 2>/dev/null)
  [ -z "$found" ] || export LD_LIBRARY_PATH="$(dirname "$found")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
}

table() {
  peer_libraries
  timeout 230 "$node" build/bench/gpu.mjs --seconds "${TABLE_SECONDS:-170}" --kernels "$out/kernels.txt" \
    --json "$out/table.json" "$@" | tee "$out/table.md"
}

step 'machine' machine
step 'build' build || exit 1
step 'kernels are right' kernel_checks
if [ "${1:-}" = --switches ]; then
  shift
else
  step 'golden logits and texts' golden golden
  step 'golden logits and texts, steps as chains' golden chains OPENELM_CUDA_CHAIN=1
  step 'speed of kernels' kernel_bench
  step 'tokens a second' table "$@"
  set --
fi
step 'steps as chains and not, in turns' switches "$@"

printf '\n'
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}"
  exit 1
fi
echo 'all steps passed'

#pragma once

// The k largest logits, largest first, the smaller id first among equals. Slices of the vocabulary are sorted
// in shared memory, each by a group, and the best of each slice merged. A logit and its id make one integer
// whose order is the one wanted; 0 stands for nothing and for NaN.

#include "gpu/bodies/arguments.h"

namespace openelm {
namespace gpu {

/// Bytes of shared memory of top_k_slice and top_k_merge.
GPU_BOTH uint32_t top_k_bytes() {
  return kTopKSlice * 8;
}

GPU_FN uint64_t key_of(float logit, uint32_t id) {
  uint32_t bits = as_bits(logit);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0;
  if (bits == 0x80000000u) bits = 0;  // -0 is as large as 0
  const uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return uint64_t(ordered) << 32 | (0xffffffffu - id);
}
GPU_FN Candidate candidate_of(uint64_t key) {
  if (key == 0) return Candidate{as_float(0xff800000u), -1};
  const uint32_t ordered = uint32_t(key >> 32);
  const uint32_t bits = ordered & 0x80000000u ? ordered & 0x7fffffffu : ~ordered;
  return Candidate{as_float(bits), int32_t(0xffffffffu - uint32_t(key))};
}

/// Sorts keys[0..n), largest first; n is a power of two (bitonic: Batcher, AFIPS 1968).
template <class Group>
GPU_FN void sort_keys(Group group, GPU_SHARED uint64_t* keys, uint32_t n) {
  for (uint32_t run = 2; run <= n; run *= 2) {
    for (uint32_t step = run / 2; step > 0; step /= 2) {
      for (uint32_t index = group.lane(); index < n / 2; index += group.size()) {
        const uint32_t i = index / step * step * 2 + index % step;
        const uint64_t a = keys[i], b = keys[i + step];
        if ((a < b) != ((i & run) != 0)) {
          keys[i] = b;
          keys[i + step] = a;
        }
      }
      group.barrier();
    }
  }
}

/// keys[0] = the largest of keys[0..n), n a power of two.
template <class Group>
GPU_FN void largest_key(Group group, GPU_SHARED uint64_t* keys, uint32_t n) {
  for (uint32_t middle = n / 2; middle > 0; middle /= 2) {
    for (uint32_t i = group.lane(); i < middle; i += group.size())
      if (keys[i] < keys[i + middle]) keys[i] = keys[i + middle];
    group.barrier();
  }
}

/// The k largest first, by whichever way is short.
template <class Group>
GPU_FN void select_keys(Group group, GPU_SHARED uint64_t* keys, uint32_t n, uint32_t k) {
  group.barrier();
  if (k == 1)
    largest_key(group, keys, n);
  else
    sort_keys(group, keys, n);
}

/// The best k of slice number `slice` of one token's logits, by a group. shared: top_k_bytes.
template <class Group>
GPU_FN void top_k_slice(Group group, TopKArgs args, uint32_t token, uint32_t slice,
                        GPU_SHARED uint64_t* keys) {
  wait_for_inputs();
  let_next_start();
  GPU_DEVICE const float* logits = at<const float>(args.logits) + uint64_t(token) * args.vocab;
  GPU_DEVICE uint64_t* out = at<uint64_t>(args.partials) + (uint64_t(token) * args.slices + slice) * args.k;
  for (uint32_t i = group.lane(); i < kTopKSlice; i += group.size()) {
    const uint32_t id = slice * kTopKSlice + i;
    keys[i] = id < args.vocab ? key_of(logits[id], id) : 0;
  }
  select_keys(group, keys, kTopKSlice, args.k);
  for (uint32_t i = group.lane(); i < args.k; i += group.size()) out[i] = keys[i];
}

/// The best k of all slices of one token, by a group. shared: top_k_bytes.
template <class Group>
GPU_FN void top_k_merge(Group group, TopKArgs args, uint32_t token, GPU_SHARED uint64_t* keys) {
  wait_for_inputs();
  let_next_start();
  const uint32_t count = args.slices * args.k;
  GPU_DEVICE const uint64_t* partials = at<const uint64_t>(args.partials) + uint64_t(token) * count;
  uint32_t kept = 0;  // the best so far, at the front
  for (uint32_t first = 0; first < count;) {
    const uint32_t added = min_of(count - first, kTopKSlice - kept);
    uint32_t n = 1;
    while (n < kept + added || n < args.k) n *= 2;
    for (uint32_t i = kept + group.lane(); i < n; i += group.size())
      keys[i] = i - kept < added ? partials[first + i - kept] : 0;
    select_keys(group, keys, n, args.k);
    first += added;
    kept = args.k;
  }
  GPU_DEVICE Candidate* out = at<Candidate>(args.out) + uint64_t(token) * args.k;
  for (uint32_t i = group.lane(); i < args.k; i += group.size()) out[i] = candidate_of(keys[i]);
}

}  // namespace gpu
}  // namespace openelm

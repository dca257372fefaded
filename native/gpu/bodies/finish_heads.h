#pragma once

// Between the projection to heads and attention: RMS norm of query and key heads over head_dim, their
// rotation by position (half-split RoPE, Su et al., arXiv 2104.09864), keys and values into the cache.

#include "gpu/bodies/arguments.h"
#include "quant/kv_type.h"

namespace openelm {
namespace gpu {

/// Stores a vector in the cache's type, by a team; x[head_dim] in shared memory.
template <KvType type>
struct StoreRow;

template <>
struct StoreRow<KvType::f32> {
  template <class Team>
  GPU_FN static void run(Team team, GPU_SHARED const float* x, uint32_t head_dim, GPU_DEVICE uint8_t* row) {
    GPU_DEVICE float* out = reinterpret_cast<GPU_DEVICE float*>(row);
    for (uint32_t i = team.lane(); i < head_dim; i += team.size()) out[i] = x[i];
  }
};
template <>
struct StoreRow<KvType::f16> {
  template <class Team>
  GPU_FN static void run(Team team, GPU_SHARED const float* x, uint32_t head_dim, GPU_DEVICE uint8_t* row) {
    GPU_DEVICE uint16_t* out = reinterpret_cast<GPU_DEVICE uint16_t*>(row);
    for (uint32_t i = team.lane(); i < head_dim; i += team.size()) out[i] = float_to_half_bits(x[i]);
  }
};
/// As quant/quantize.cc does: values that are not finite count as 0.
template <>
struct StoreRow<KvType::q8_0> {
  GPU_FN static float finite(float x) { return (as_bits(x) & 0x7f800000u) == 0x7f800000u ? 0.0f : x; }

  template <class Team>
  GPU_FN static void run(Team team, GPU_SHARED const float* x, uint32_t head_dim, GPU_DEVICE uint8_t* row) {
    for (uint32_t group = 0; group < head_dim / 32; ++group, x += 32, row += 34) {
      float largest = 0;
      for (uint32_t i = team.lane(); i < 32; i += team.size())
        largest = max_of(largest, abs_of(finite(x[i])));
      const float d = team.max(largest) / 127.0f;
      const float inverse = d >= 1.17549435e-38f ? 1.0f / d : 0.0f;  // 0 for zero and subnormals
      if (team.lane() == 0) *reinterpret_cast<GPU_DEVICE uint16_t*>(row) = float_to_half_bits(d);
      for (uint32_t i = team.lane(); i < 32; i += team.size()) {
        const float q = round_of(finite(x[i]) * inverse);
        row[2 + i] = uint8_t(int32_t(q > 127.0f ? 127.0f : q < -127.0f ? -127.0f : q));
      }
    }
  }
};

/// Head number `head` of [heads | kv_heads keys | kv_heads values], and what its elements are multiplied
/// with.
struct HeadFactors {
  GPU_DEVICE const float* weights;
  GPU_DEVICE const float* cosines;
  GPU_DEVICE const float* sines;
  uint32_t middle;
  bool is_value;  // multiplied with nothing

  GPU_FN HeadFactors(FinishHeadsArgs args, uint32_t position, uint32_t head) {
    middle = args.head_dim / 2;
    is_value = head >= args.heads + args.kv_heads;
    weights = at<const float>(head < args.heads ? args.q_norm : args.k_norm);
    cosines = at<const float>(args.rope) + uint64_t(position) * middle;
    sines = cosines + uint64_t(args.rope_positions) * middle;
  }
};

/// A pair of elements that are rotated together, and what they are multiplied with.
struct RotatedPair {
  float x[2], weight[2], cosine, sine;

  GPU_FN void load(GPU_DEVICE const float* from, uint32_t i, uint32_t middle) {
    x[0] = from[i], x[1] = from[i + middle];
  }
  GPU_FN void load_factors(HeadFactors of, uint32_t i) {
    weight[0] = of.weights[i], weight[1] = of.weights[i + of.middle];
    cosine = of.cosines[i], sine = of.sines[i];
  }
  GPU_FN void store(float scale, GPU_SHARED float* out, uint32_t i, uint32_t middle) const {
    const float a = x[0] * scale * weight[0], b = x[1] * scale * weight[1];
    out[i] = fma_of(a, cosine, -(b * sine));
    out[i + middle] = fma_of(b, cosine, a * sine);
  }
};

/// A head by a team whose lanes have a few pairs each. The factors may be loaded before the head is there.
struct HeadOfTeam {
  enum : uint32_t { kPairs = 2 };
  RotatedPair pairs[kPairs];

  template <class Team>
  GPU_FN static bool fits(Team team, uint32_t head_dim) {
    return head_dim / 2 % team.size() == 0 && head_dim / 2 <= kPairs * team.size();
  }
  template <class Team>
  GPU_FN void load_factors(Team team, HeadFactors factors) {
    GPU_UNROLL
    for (uint32_t j = 0; j < kPairs; ++j) {
      pairs[j] = RotatedPair{};
      const uint32_t i = team.lane() + j * team.size();
      if (i < factors.middle && !factors.is_value) pairs[j].load_factors(factors, i);
    }
  }
  template <class Team>
  GPU_FN void load(Team team, GPU_DEVICE const float* x, uint32_t middle) {
    GPU_UNROLL
    for (uint32_t j = 0; j < kPairs; ++j) {
      const uint32_t i = team.lane() + j * team.size();
      if (i < middle) pairs[j].load(x, i, middle);
    }
  }
  /// As it goes into attention or the cache, to out[head_dim].
  template <class Team>
  GPU_FN void store(Team team, uint32_t middle, float eps, GPU_SHARED float* out) const {
    float squares = 0;
    GPU_UNROLL
    for (uint32_t side = 0; side < 2; ++side) {
      GPU_UNROLL
      for (uint32_t j = 0; j < kPairs; ++j) squares = fma_of(pairs[j].x[side], pairs[j].x[side], squares);
    }
    const float scale = 1.0f / sqrt_of(team.sum(squares) / float(2 * middle) + eps);
    GPU_UNROLL
    for (uint32_t j = 0; j < kPairs; ++j) {
      const uint32_t i = team.lane() + j * team.size();
      if (i < middle) pairs[j].store(scale, out, i, middle);
    }
  }
};

/// x, head `head` of a token, as it goes into attention or the cache: to out[head_dim], by a team. loaded:
/// whether of_team, where it fits, has the head's factors.
template <class Team>
GPU_FN void finish_vector(Team team, FinishHeadsArgs args, uint32_t position, uint32_t head,
                          GPU_DEVICE const float* x, GPU_SHARED float* out, GPU_LOCAL HeadOfTeam& of_team,
                          bool loaded) {
  const HeadFactors factors(args, position, head);
  const uint32_t head_dim = args.head_dim, size = team.size();
  if (factors.is_value) {
    for (uint32_t i = team.lane(); i < head_dim; i += size) out[i] = x[i];
  } else if (HeadOfTeam::fits(team, head_dim)) {
    if (!loaded) of_team.load_factors(team, factors);
    of_team.load(team, x, factors.middle);
    of_team.store(team, factors.middle, args.eps, out);
  } else {
    float squares = 0;
    for (uint32_t i = team.lane(); i < head_dim; i += size) squares = fma_of(x[i], x[i], squares);
    const float scale = 1.0f / sqrt_of(team.sum(squares) / float(head_dim) + args.eps);
    for (uint32_t i = team.lane(); i < factors.middle; i += size) {
      RotatedPair pair;
      pair.load_factors(factors, i);
      pair.load(x, i, factors.middle);
      pair.store(scale, out, i, factors.middle);
    }
  }
  team.barrier();
}
template <class Team>
GPU_FN void finish_vector(Team team, FinishHeadsArgs args, uint32_t position, uint32_t head,
                          GPU_DEVICE const float* x, GPU_SHARED float* out) {
  HeadOfTeam of_team;
  finish_vector(team, args, position, head, x, out, of_team, false);
}

/// A finished key or value into the token's cache, by a team; kv_head: keys' heads, then values'.
template <KvType type, class Team>
GPU_FN void store_vector(Team team, FinishHeadsArgs args, BatchToken token, uint32_t kv_head,
                         GPU_SHARED const float* x) {
  const uint64_t row = (2 * uint64_t(args.cache.heads_before) + kv_head) * token.n_ctx + token.position;
  StoreRow<type>::run(team, x, args.head_dim, at<uint8_t>(token.cache + row * args.cache.row_bytes));
}

/// One vector by a team: number first + team_index of tokens · (heads + 2 kv_heads). shared:
/// [teams][head_dim].
template <KvType type, class Group>
GPU_FN void finish_heads(Group group, FinishHeadsArgs args, uint32_t first, GPU_SHARED float* shared) {
  wait_for_inputs();
  let_next_start();
  const auto team = group.team();
  const uint32_t per_token = args.heads + 2 * args.kv_heads, head_dim = args.head_dim;
  const uint32_t vector = first + group.team_index();
  if (vector >= args.tokens * per_token) return;
  const uint32_t t = vector / per_token, head = vector % per_token;
  GPU_DEVICE float* x = at<float>(args.qkv) + (uint64_t(t) * per_token + head) * head_dim;
  const BatchToken token = at<const BatchToken>(args.list)[t];
  shared += group.team_index() * head_dim;
  finish_vector(team, args, token.position, head, x, shared);
  if (head < args.heads) {
    for (uint32_t i = team.lane(); i < head_dim; i += team.size()) x[i] = shared[i];
    return;
  }
  store_vector<type>(team, args, token, head - args.heads, shared);  // values follow keys here and there
}

}  // namespace gpu
}  // namespace openelm

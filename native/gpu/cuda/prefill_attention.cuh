#pragma once

// One block's part of prefill attention: a tile of up to 64 tokens of a sequence, one query head. Four warps
// hold 16 tokens each; keys and values pass through shared memory a block of positions at a time, as f16, the
// next one being on its way while this one is computed.
//
// Queries are split in two f16, x ≈ high + low, so that scores are as exact as the f16 keys allow;
// probabilities are f16 in [0, 1]; scores, sums and outputs are f32. Positions behind the tile's last token
// are read as zeros, since the cache holds anything there; those behind a token of the tile are masked.

#include "gpu/cuda/prefill_cache.cuh"
#include "gpu/cuda/tensor_core.cuh"

namespace openelm::gpu::cuda {

/// kHeadDim: head_dim, or a larger number: dims behind head_dim are zeros. kPositions: keys at a time.
template <KvType kType, uint32_t kHeadDim, uint32_t kPositions>
struct PrefillAttention {
  static constexpr uint32_t kTokens = 64, kThreads = kTokens / 16 * 32;
  static constexpr uint32_t kChunks = kHeadDim * 2 / kChunk;
  static constexpr uint32_t kMatrixBytes = kPositions * kHeadDim * 2;
  static constexpr uint32_t kStageBytes = 2 * kMatrixBytes;  // keys, values
  static constexpr uint32_t kSharedBytes = 2 * kStageBytes;
  static constexpr uint32_t kSteps = kHeadDim / 16;      // of a dot product of q and k
  static constexpr bool kQueriesStay = kHeadDim <= 128;  // in registers

  struct Queries {
    uint32_t high[4], low[4];
  };

  /// Keys and values from position `first` to a stage; what is behind `last` is zeros.
  static OPENELM_TENSOR void fetch(const KvHead& kv, uint32_t first, uint32_t last, uint32_t head_dim,
                                   SharedAddress stage) {
#pragma unroll
    for (uint32_t i = 0; i < kPositions * kChunks / kThreads; ++i) {
      const uint32_t row = (thread_index() + i * kThreads) / kChunks,
                     chunk = (thread_index() + i * kThreads) % kChunks;
      const bool valid = first + row <= last && chunk * 8 < head_dim;
      const size_t offset = static_cast<size_t>(first + row) * kv.row_bytes;
      const SharedAddress to = stage + swizzled<kChunks>(row, chunk);
      fetch_chunk<kType>(to, kv.keys + offset, chunk, valid);
      fetch_chunk<kType>(to + kMatrixBytes, kv.values + offset, chunk, valid);
    }
  }

  static OPENELM_TENSOR void split(float a, float b, uint32_t& high, uint32_t& low) {
    high = pack_f16(a, b);
    low = pack_f16(a - half_bits_to_float(high & 0xffff), b - half_bits_to_float(high >> 16));
  }

  /// A's fragment of 16 dims of the warp's 16 queries; q: head's first element for the warp's first token.
  static OPENELM_TENSOR void load_queries(const PrefillAttentionArgs& args, const float* q, uint32_t tokens,
                                          uint32_t step, Queries& out) {
    const uint32_t lane = thread_index() % 32;
#pragma unroll
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t token = lane / 4 + i % 2 * 8, dim = step * 16 + i / 2 * 8 + lane % 4 * 2;
      float a = 0.0f, b = 0.0f;
      if (token < tokens && dim < args.head_dim) {
        const float* from = q + static_cast<size_t>(token) * args.ldq + dim;
        a = from[0] * args.scale;
        b = from[1] * args.scale;
      }
      split(a, b, out.high[i], out.low[i]);
    }
  }

  static OPENELM_TENSOR void score_step(float (&scores)[kPositions / 8][4], const Queries& q,
                                        SharedAddress keys, uint32_t step) {
    const uint32_t lane = thread_index() % 32;
#pragma unroll
    for (uint32_t n = 0; n < kPositions / 16; ++n) {
      uint32_t k[4];
      load_matrices(k, keys + swizzled<kChunks>(16 * n + b_row(lane), 2 * step + b_chunk(lane)));
#pragma unroll
      for (uint32_t half = 0; half < 2; ++half) {
        mma_f16(scores[2 * n + half], q.low, k[2 * half], k[2 * half + 1]);
        mma_f16(scores[2 * n + half], q.high, k[2 * half], k[2 * half + 1]);
      }
    }
  }

  /// Scores to probabilities under the running maximum; what was summed so far is rescaled when that grows.
  /// position: of the warp's first token; first: of the first key.
  static OPENELM_TENSOR void soften(float (&scores)[kPositions / 8][4], float (&sums)[kHeadDim / 8][4],
                                    float (&maximum)[2], float (&total)[2], uint32_t position,
                                    uint32_t first) {
    const uint32_t lane = thread_index() % 32;
    if (first + kPositions > position + 1) {
#pragma unroll
      for (uint32_t n = 0; n < kPositions / 8; ++n) {
#pragma unroll
        for (uint32_t i = 0; i < 4; ++i) {
          const uint32_t key = first + 8 * n + lane % 4 * 2 + i % 2, query = position + lane / 4 + i / 2 * 8;
          if (key > query) scores[n][i] = as_float(0xff800000u);  // -infinity
        }
      }
    }
#pragma unroll
    for (uint32_t upper = 0; upper < 2; ++upper) {
      float top = maximum[upper];
#pragma unroll
      for (uint32_t n = 0; n < kPositions / 8; ++n) {
        top = fmaxf(top, fmaxf(scores[n][2 * upper], scores[n][2 * upper + 1]));
      }
      top = fmaxf(top, shuffle_xor(top, 1));
      top = fmaxf(top, shuffle_xor(top, 2));
      const float shrink = exp2_approx(maximum[upper] - top);
      maximum[upper] = top;
      total[upper] *= shrink;
#pragma unroll
      for (uint32_t n = 0; n < kHeadDim / 8; ++n) {
        sums[n][2 * upper] *= shrink;
        sums[n][2 * upper + 1] *= shrink;
      }
#pragma unroll
      for (uint32_t n = 0; n < kPositions / 8; ++n) {
#pragma unroll
        for (uint32_t i = 0; i < 2; ++i) {
          float& score = scores[n][2 * upper + i];
          score = exp2_approx(score - top);
          total[upper] += score;
        }
      }
    }
  }

  /// sums += probabilities · values. C's layout of two tiles of scores is A's of one of probabilities.
  static OPENELM_TENSOR void add_values(float (&sums)[kHeadDim / 8][4],
                                        const float (&scores)[kPositions / 8][4], SharedAddress values) {
    const uint32_t lane = thread_index() % 32;
#pragma unroll
    for (uint32_t k = 0; k < kPositions / 16; ++k) {
      const float(&low)[4] = scores[2 * k];
      const float(&high)[4] = scores[2 * k + 1];
      const uint32_t p[4] = {pack_f16(low[0], low[1]), pack_f16(low[2], low[3]), pack_f16(high[0], high[1]),
                             pack_f16(high[2], high[3])};
#pragma unroll
      for (uint32_t n = 0; n < kHeadDim / 16; ++n) {
        uint32_t v[4];
        load_matrices_transposed(v, values + swizzled<kChunks>(16 * k + a_row(lane), 2 * n + a_chunk(lane)));
        mma_f16(sums[2 * n], p, v[0], v[1]);
        mma_f16(sums[2 * n + 1], p, v[2], v[3]);
      }
    }
  }

  static OPENELM_TENSOR void store(const PrefillAttentionArgs& args, const float (&sums)[kHeadDim / 8][4],
                                   const float (&total)[2], float* out, uint32_t tokens) {
    const uint32_t lane = thread_index() % 32;
#pragma unroll
    for (uint32_t upper = 0; upper < 2; ++upper) {
      float sum = total[upper];
      sum += shuffle_xor(sum, 1);
      sum += shuffle_xor(sum, 2);
      const uint32_t token = lane / 4 + 8 * upper;
      if (token >= tokens) continue;
      float* const row = out + static_cast<size_t>(token) * args.heads * args.head_dim;
#pragma unroll
      for (uint32_t n = 0; n < kHeadDim / 8; ++n) {
        const uint32_t dim = 8 * n + lane % 4 * 2;
        if (dim >= args.head_dim) continue;
        row[dim] = sums[n][2 * upper] / sum;
        row[dim + 1] = sums[n][2 * upper + 1] / sum;
      }
    }
  }

  /// The whole of a block; `shared`: kSharedBytes, aligned to 128.
  static OPENELM_TENSOR void run(const PrefillAttentionArgs& args, void* shared, uint32_t tile_index,
                                 uint32_t head) {
    const AttentionTile tile = args.tiles[tile_index];
    const BatchToken token = args.list[tile.first_token];
    const KvHead kv = kv_head_of(token, args.cache, head / (args.heads / args.kv_heads));
    const uint32_t last = token.position + tile.tokens - 1;
    // The warp's tokens: from number `begin` of the tile, so many.
    const uint32_t begin = thread_index() / 32 * 16;
    const uint32_t tokens = tile.tokens > begin ? tile.tokens - begin : 0;
    const uint32_t position = token.position + begin;
    const size_t row = static_cast<size_t>(tile.first_token) + begin;
    const float* const q = args.qkv + row * args.ldq + static_cast<size_t>(head) * args.head_dim;
    const SharedAddress stages = shared_address(shared);

    fetch(kv, 0, last, args.head_dim, stages);
    copy_commit();
    Queries queries[kQueriesStay ? kSteps : 1];
    if (kQueriesStay) {
#pragma unroll
      for (uint32_t s = 0; s < kSteps; ++s) load_queries(args, q, tokens, s, queries[kQueriesStay ? s : 0]);
    }
    float sums[kHeadDim / 8][4] = {};
    float maximum[2] = {as_float(0xff800000u), as_float(0xff800000u)}, total[2] = {};
    for (uint32_t first = 0; first <= last; first += kPositions) {
      // This block has arrived, and all warps are done with the stage of the one before it.
      copy_wait<0>();
      block_barrier();
      const SharedAddress stage = stages + first / kPositions % 2 * kStageBytes;
      if (first + kPositions <= last) {
        fetch(kv, first + kPositions, last, args.head_dim,
              stages + (first / kPositions + 1) % 2 * kStageBytes);
      }
      copy_commit();
      // Blocks behind the warp's last token would add nothing.
      if (tokens == 0 || first > position + 15) continue;
      float scores[kPositions / 8][4] = {};
#pragma unroll
      for (uint32_t s = 0; s < kSteps; ++s) {
        if (!kQueriesStay) load_queries(args, q, tokens, s, queries[0]);
        score_step(scores, queries[kQueriesStay ? s : 0], stage, s);
      }
      soften(scores, sums, maximum, total, position, first);
      add_values(sums, scores, stage + kMatrixBytes);
    }
    copy_wait<0>();
    store(args, sums, total,
          args.out + row * args.heads * args.head_dim + static_cast<size_t>(head) * args.head_dim, tokens);
  }
};

}  // namespace openelm::gpu::cuda

#pragma once

// The kernels for few tokens and the small ops: functions that choose a shape, launch on the stream and
// return the launch's error. They allocate nothing and may be captured. What they compute is said in
// gpu/device.h and gpu/bodies/.

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "gpu/chain.h"
#include "gpu/cuda/launch.h"
#include "gpu/device.h"

namespace openelm::gpu::cuda {

/// Most tokens of a product by matvec and gated_matvec, and of decode_attention and top_k.
inline constexpr uint32_t kSmallBatch = 8;

/// y (=|+=) x' · Wᵀ for n <= kSmallBatch; see Device::matmul.
cudaError_t matvec(const Launcher& on, const DeviceMatrix& w, const float* x, uint32_t n, const float* norm,
                   float eps, float* y, uint32_t ldy, Store store);

/// y = swiglu(gate · x', up · x') for n <= kSmallBatch and matrices of one type; see Device::gated_matmul.
cudaError_t gated_matvec(const Launcher& on, const DeviceMatrix& gate, const DeviceMatrix& up, const float* x,
                         uint32_t n, const float* norm, float eps, float* y);

/// y = swiglu(gate, up) over `count` elements; y may be gate.
cudaError_t swiglu(const Launcher& on, const float* gate, const float* up, uint32_t count, float* y);
cudaError_t embed(const Launcher& on, const DeviceMatrix& table, const int32_t* ids, uint32_t n, float* x);
cudaError_t rms_norm(const Launcher& on, const float* x, const float* weight, float eps, uint32_t dim,
                     uint32_t n, float* y);
cudaError_t finish_heads(const Launcher& on, float* qkv, const HeadShape& shape, const float* q_norm,
                         const float* k_norm, float eps, const float* rope, uint32_t rope_positions,
                         const DeviceBatch& batch, const CacheLayout& cache);

/// Bytes of scratch that decode_attention needs for up to n_ctx positions.
size_t decode_attention_bytes(const HeadShape& largest, uint32_t n_ctx) noexcept;
/// Bytes of its counters, which are 0 before the first call and after every one.
size_t decode_attention_counter_bytes(const HeadShape& largest) noexcept;
/// Attention of the batch's first `single_tokens`; see Device::attention.
cudaError_t decode_attention(const Launcher& on, const float* qkv, const HeadShape& shape,
                             const DeviceBatch& batch, const CacheLayout& cache, void* scratch,
                             uint32_t* counters, float* out);
/// For attention of a qkv whose heads are not finished; see Device::fresh_attention.
FreshAttentionArgs fresh_attention_args(const float* qkv, const HeadShape& shape, const float* q_norm,
                                        const float* k_norm, float eps, const float* rope,
                                        uint32_t rope_positions, const DeviceBatch& batch,
                                        const CacheLayout& cache, void* scratch, float* out);
cudaError_t fresh_attention(const Launcher& on, const FreshAttentionArgs& args, uint32_t tokens,
                            uint32_t* counters);

/// What blocks of a chain have, one on each multiprocessor with so much shared memory.
ChainLimits chain_limits(uint32_t multiprocessors, size_t shared_bytes) noexcept;
/// All of its ops; compute capability 9.0 and newer. meetings: kMeetingBytes, 0 before and after; counters:
/// decode_attention's.
cudaError_t launch_chain(const Launcher& on, Chain& chain, void* meetings, uint32_t* counters);

/// Bytes of scratch that top_k needs.
size_t top_k_bytes() noexcept;
cudaError_t top_k(const Launcher& on, const float* logits, uint32_t vocab, uint32_t n, uint32_t k,
                  void* scratch, Candidate* out);
cudaError_t advance(const Launcher& on, const Candidate* best, uint32_t k, uint32_t n, int32_t* ids,
                    BatchToken* list);

/// Splits `count` blocks of a file, each of 2 · units bytes of quants and, behind 2 · scale_at of them, an
/// f16 scale, into [count][2 · units] quants and [count] scales.
cudaError_t split_planes(const Launcher& on, const void* blocks, size_t count, uint32_t units,
                         uint32_t scale_at, void* quants, void* scales);

}  // namespace openelm::gpu::cuda

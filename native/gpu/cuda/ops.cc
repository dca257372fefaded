// The ops of a CudaDevice: which kernels run, and the memory they work in.

#include <algorithm>

#include "gpu/bodies/arguments.h"
#include "gpu/cuda/cuda_device.h"
#include "gpu/cuda/gemm.h"
#include "gpu/cuda/kernels.h"
#include "gpu/cuda/prefill_attention.h"

namespace openelm::gpu::cuda {
namespace {

template <class T>
T* at(DevicePointer pointer) {
  return reinterpret_cast<T*>(pointer);
}

}  // namespace

uint32_t CudaDevice::small_batch() const noexcept {
  return kSmallBatch;
}
uint32_t CudaDevice::max_top_k() const noexcept {
  return kMaxTopK;
}
uint32_t CudaDevice::attention_tile() const noexcept {
  return kAttentionTileTokens;
}

Status CudaDevice::prepare_kernels() {
  activate();
  void* arrivals = nullptr;
  cudaError_t error = cudaMallocHost(&arrivals, kArrivalBytes);
  arrivals_memory_ = static_cast<uint8_t*>(arrivals);
  for (cudaEvent_t& event : marks_)
    if (error == cudaSuccess) error = cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  if (error == cudaSuccess) error = prepare_gemm(first_tile_);
  if (error == cudaSuccess) error = prepare_prefill_attention();
  if (error != cudaSuccess) return cuda_failure(error, "loading the kernels");
  return errors_.take();
}

Status CudaDevice::grow(Scratch& scratch, size_t bytes) {
  if (bytes <= scratch.bytes) return {};
  const Result<DevicePointer> memory = allocate(bytes);
  if (!memory.ok()) return memory.status;
  check(cudaFree(scratch.data), "giving working memory back");
  scratch = {at<void>(memory.value), bytes};
  return {};
}

Status CudaDevice::reserve(uint32_t n, uint32_t max_cols, uint32_t max_rows, const HeadShape& largest,
                           uint32_t n_ctx) {
  activate();
  Status status = grow(attention_, decode_attention_bytes(largest, n_ctx));
  const size_t counter_bytes = decode_attention_counter_bytes(largest);
  if (status.ok() && counters_.bytes < counter_bytes) {
    status = grow(counters_, counter_bytes);
    if (status.ok())
      check(cudaMemsetAsync(counters_.data, 0, counter_bytes, launcher_.stream), "clearing counters");
  }
  if (status.ok() && chains_from_ != SIZE_MAX && meetings_.bytes == 0) {
    status = grow(meetings_, kMeetingBytes);
    if (status.ok())
      check(cudaMemsetAsync(meetings_.data, 0, kMeetingBytes, launcher_.stream), "clearing counters");
  }
  if (status.ok()) status = grow(selection_, top_k_bytes());
  const uint32_t many = std::max(n, kSmallBatch + 1);
  if (status.ok()) status = grow(activations_, gemm_activation_bytes(many, max_cols));
  // Between passes of many tokens it holds what two matrices of different types give for few.
  const size_t products = sizeof(float) * kSmallBatch * max_rows;
  if (status.ok()) status = grow(weights_, std::max(gemm_weight_bytes(max_rows, max_cols), products));
  return status;
}

GemmWorkspace CudaDevice::workspace() const {
  GemmWorkspace space;
  space.first_tile = first_tile_;
  space.x = activations_.data;
  space.weights = weights_.data;
  space.weight_bytes = weights_.bytes;
  space.multiprocessors = static_cast<int>(chip_.multiprocessors);
  return space;
}

void CudaDevice::start_op() {
  activate();
  launch_gathered();
}

void CudaDevice::launch_gathered() {
  if (chain_.empty()) return;
  check(launch_chain(launcher_, chain_, meetings_.data, static_cast<uint32_t*>(counters_.data)), "a chain");
  chain_.clear();
}

template <class Add>
bool CudaDevice::chained(uint32_t tokens, Add add) {
  if (!recording_ || tokens != 1 || weight_bytes_ < chains_from_) return false;
  if (add()) return true;
  launch_gathered();
  return add();
}

void CudaDevice::embed(const DeviceMatrix& table, DevicePointer ids, uint32_t n, DevicePointer x) {
  start_op();
  check(cuda::embed(launcher_, table, at<const int32_t>(ids), n, at<float>(x)), "embed");
}

void CudaDevice::rms_norm(DevicePointer x, DevicePointer weight, float eps, uint32_t dim, uint32_t n,
                          DevicePointer y) {
  start_op();
  check(cuda::rms_norm(launcher_, at<const float>(x), at<const float>(weight), eps, dim, n, at<float>(y)),
        "rms_norm");
}

void CudaDevice::matmul(const DeviceMatrix& w, DevicePointer x, uint32_t n, DevicePointer norm, float eps,
                        DevicePointer y, uint32_t ldy, Store store) {
  if (chained(n, [&] { return chain_.add_product(w, x, norm, eps, y, store); })) return;
  start_op();
  if (n <= kSmallBatch) {
    check(matvec(launcher_, w, at<const float>(x), n, at<const float>(norm), eps, at<float>(y), ldy, store),
          "matmul");
    return;
  }
  GemmOutput out;
  out.y = at<float>(y);
  out.ldy = ldy;
  out.store = store;
  check(gemm(w, at<const float>(x), n, at<const float>(norm), eps, out, workspace(), launcher_.stream),
        "matmul");
}

void CudaDevice::gated_matmul(const DeviceMatrix& gate, const DeviceMatrix& up, DevicePointer x, uint32_t n,
                              DevicePointer norm, float eps, DevicePointer y) {
  if (chained(n, [&] { return chain_.add_gated(gate, up, x, norm, eps, y); })) return;
  start_op();
  if (n <= kSmallBatch && gate.type != up.type) {
    const auto product = [&](const DeviceMatrix& w, float* to) {
      check(matvec(launcher_, w, at<const float>(x), n, at<const float>(norm), eps, to, w.rows, Store::set),
            "gated_matmul");
    };
    float* products = static_cast<float*>(weights_.data);
    product(gate, at<float>(y));
    product(up, products);
    check(cuda::swiglu(launcher_, at<const float>(y), products, n * gate.rows, at<float>(y)), "gated_matmul");
    return;
  }
  if (n <= kSmallBatch) {
    check(gated_matvec(launcher_, gate, up, at<const float>(x), n, at<const float>(norm), eps, at<float>(y)),
          "gated_matmul");
    return;
  }
  GemmOutput out;
  out.y = at<float>(y);
  out.ldy = gate.rows;
  check(gated_gemm(gate, up, at<const float>(x), n, at<const float>(norm), eps, out, workspace(),
                   launcher_.stream),
        "gated_matmul");
}

void CudaDevice::finish_heads(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm,
                              DevicePointer k_norm, float eps, DevicePointer rope, uint32_t rope_positions,
                              const DeviceBatch& batch, const CacheLayout& cache) {
  start_op();
  check(cuda::finish_heads(launcher_, at<float>(qkv), shape, at<const float>(q_norm), at<const float>(k_norm),
                           eps, at<const float>(rope), rope_positions, batch, cache),
        "finish_heads");
}

void CudaDevice::attention(DevicePointer qkv, const HeadShape& shape, const DeviceBatch& batch,
                           const CacheLayout& cache, DevicePointer out) {
  start_op();
  check(decode_attention(launcher_, at<const float>(qkv), shape, batch, cache, attention_.data,
                         static_cast<uint32_t*>(counters_.data), at<float>(out)),
        "attention");
  if (batch.tile_count == 0) return;
  const uint32_t width = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
  check(prefill_attention(at<const float>(qkv), width, shape, at<const BatchToken>(batch.list),
                          at<const AttentionTile>(batch.tiles), batch.tile_count, cache, at<float>(out),
                          launcher_.stream),
        "attention");
}

void CudaDevice::fresh_attention(DevicePointer qkv, const HeadShape& shape, DevicePointer q_norm,
                                 DevicePointer k_norm, float eps, DevicePointer rope, uint32_t rope_positions,
                                 const DeviceBatch& batch, const CacheLayout& cache, DevicePointer out) {
  const FreshAttentionArgs args = fresh_attention_args(
      at<const float>(qkv), shape, at<const float>(q_norm), at<const float>(k_norm), eps,
      at<const float>(rope), rope_positions, batch, cache, attention_.data, at<float>(out));
  if (chained(batch.single_tokens, [&] { return chain_.add_attention(args); })) return;
  start_op();
  check(cuda::fresh_attention(launcher_, args, batch.single_tokens, static_cast<uint32_t*>(counters_.data)),
        "fresh_attention");
}

void CudaDevice::top_k(DevicePointer logits, uint32_t vocab, uint32_t n, uint32_t k, DevicePointer out) {
  start_op();
  check(cuda::top_k(launcher_, at<const float>(logits), vocab, n, k, selection_.data, at<Candidate>(out)),
        "top_k");
}

void CudaDevice::advance(DevicePointer best, uint32_t k, uint32_t n, DevicePointer ids, DevicePointer list) {
  start_op();
  check(cuda::advance(launcher_, at<const Candidate>(best), k, n, at<int32_t>(ids), at<BatchToken>(list)),
        "advance");
}

}  // namespace openelm::gpu::cuda

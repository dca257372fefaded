#include "gpu/pass.h"

#include <algorithm>

namespace openelm::gpu {

Pass::Pass(Device& device, const DeviceWeights& weights, const Activations& buffers, const RopeAddress& rope,
           KvType kv_type)
    : device_(device),
      weights_(weights),
      buffers_(buffers),
      rope_(rope),
      kv_type_(kv_type),
      small_batch_(device.small_batch()),
      residual_(buffers.residual.at()),
      qkv_(buffers.qkv.at()) {}

void Pass::embed(DevicePointer ids, uint32_t n) {
  device_.embed(weights_.embedding, ids, n, residual_);
}

/// Calls use(first token, tokens): of few at a time, or of at least so many that the kernels for many run.
/// What fills those up is whatever the buffers hold.
template <class Use>
static void in_portions(uint32_t n, bool few, uint32_t small_batch, const Use& use) {
  if (!few) return use(0, std::max(n, small_batch + 1));
  for (uint32_t begin = 0; begin < n; begin += small_batch) use(begin, std::min(small_batch, n - begin));
}

void Pass::multiply(const DeviceMatrix& w, DevicePointer x, uint32_t n, bool few, DevicePointer norm,
                    DevicePointer y, Store store) {
  in_portions(n, few, small_batch_, [&](uint32_t begin, uint32_t count) {
    device_.matmul(w, x + uint64_t{begin} * w.cols * sizeof(float), count, norm, weights_.rms_eps,
                   y + uint64_t{begin} * w.rows * sizeof(float), w.rows, store);
  });
}

CacheLayout Pass::cache_of(const DeviceLayer& layer) const {
  return {static_cast<uint32_t>(kv_type_), static_cast<uint32_t>(kv_row_bytes(kv_type_, weights_.head_dim)),
          layer.heads_before, layer.heads.kv_heads};
}

void Pass::layer(size_t i, const PassTokens& tokens) {
  if (!tokens.apart) {
    layer_until_shrinking(i, tokens);
    return layer_from_shrinking(i, tokens);
  }
  const DeviceLayer& layer = weights_.layers[i];
  multiply(layer.qkv, residual_, tokens.batch.tokens, tokens.few, layer.attn_norm, qkv_, Store::set);
  device_.fresh_attention(qkv_, layer.heads, layer.q_norm, layer.k_norm, weights_.rms_eps, rope_.table,
                          rope_.positions, tokens.batch, cache_of(layer), buffers_.attn.at());
  feed_forward(layer, tokens);
}

void Pass::layer_until_shrinking(size_t i, const PassTokens& tokens) {
  const DeviceLayer& layer = weights_.layers[i];
  multiply(layer.qkv, residual_, tokens.batch.tokens, tokens.few, layer.attn_norm, qkv_, Store::set);
  device_.finish_heads(qkv_, layer.heads, layer.q_norm, layer.k_norm, weights_.rms_eps, rope_.table,
                       rope_.positions, tokens.batch, cache_of(layer));
}

void Pass::shrink(size_t i, std::span<const Rows> kept) {
  const size_t residual_bytes = weights_.dim * sizeof(float);
  const size_t qkv_bytes = weights_.layers[i].qkv.rows * sizeof(float);
  size_t to = 0;
  for (const Rows& rows : kept) {
    device_.copy(buffers_.kept_residual.at(to * residual_bytes), residual_ + rows.begin * residual_bytes,
                 rows.count * residual_bytes);
    device_.copy(buffers_.kept_qkv.at(to * qkv_bytes), qkv_ + rows.begin * qkv_bytes, rows.count * qkv_bytes);
    to += rows.count;
  }
  residual_ = buffers_.kept_residual.at();
  qkv_ = buffers_.kept_qkv.at();
}

void Pass::attend(const DeviceLayer& layer, const PassTokens& tokens) {
  const DevicePointer attn = buffers_.attn.at();
  if (!tokens.few) return device_.attention(qkv_, layer.heads, tokens.batch, cache_of(layer), attn);
  in_portions(tokens.batch.tokens, true, small_batch_, [&](uint32_t begin, uint32_t count) {
    DeviceBatch portion = tokens.batch;
    portion.list += begin * sizeof(BatchToken);
    portion.tokens = portion.single_tokens = count;
    device_.attention(qkv_ + uint64_t{begin} * layer.qkv.rows * sizeof(float), layer.heads, portion,
                      cache_of(layer), attn + uint64_t{begin} * layer.attn_out.cols * sizeof(float));
  });
}

void Pass::layer_from_shrinking(size_t i, const PassTokens& tokens) {
  attend(weights_.layers[i], tokens);
  feed_forward(weights_.layers[i], tokens);
}

void Pass::feed_forward(const DeviceLayer& layer, const PassTokens& tokens) {
  const uint32_t n = tokens.batch.tokens;
  const DevicePointer attn = buffers_.attn.at(), ffn = buffers_.ffn.at();
  multiply(layer.attn_out, attn, n, tokens.few, 0, residual_, Store::add);
  in_portions(n, tokens.few, small_batch_, [&](uint32_t begin, uint32_t count) {
    device_.gated_matmul(layer.gate, layer.up, residual_ + uint64_t{begin} * weights_.dim * sizeof(float),
                         count, layer.ffn_norm, weights_.rms_eps,
                         ffn + uint64_t{begin} * layer.gate.rows * sizeof(float));
  });
  multiply(layer.down, ffn, n, tokens.few, 0, residual_, Store::add);
}

void Pass::project(uint32_t n, bool few) {
  multiply(weights_.output, residual_, n, few, weights_.output_norm, buffers_.logits.at(), Store::set);
}

}  // namespace openelm::gpu

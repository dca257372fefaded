#pragma once

// Gathers ops of a step with one token for a launch that does them all (bodies/chain.h).

#include <algorithm>
#include <cstdint>

#include "gpu/bodies/chain_attention.h"
#include "gpu/bodies/weight_stream.h"
#include "gpu/device.h"
#include "quant/kv_type.h"

namespace openelm::gpu {

/// What the groups of such a launch have.
struct ChainLimits {
  uint32_t groups;
  uint32_t shared_bytes;      // for the weights of ops, activations or attention, and slots
  uint32_t teams, team_size;  // of a group
  uint32_t parts;             // of a group in attention (PartOf)
  uint32_t norm_columns;      // of a product with a norm, at most
  uint32_t slot_bytes, most_slots;
  uint32_t most_fills;  // slots that a group's rows of an op fill
  uint32_t crews;       // into which a group is divided for products
};

class Chain {
 public:
  explicit Chain(const ChainLimits& limits) : limits_(limits) {}

  // False, and nothing happens, for what a chain cannot do, or this one not any more: then launch this one,
  // clear, and try again. What they mean is said in gpu/device.h.

  bool add_product(const DeviceMatrix& w, DevicePointer x, DevicePointer norm, float eps, DevicePointer y,
                   Store store) {
    return add(w.type, {weights(w, w, false), x, norm, y, eps, store == Store::add ? 1u : 0u});
  }

  bool add_gated(const DeviceMatrix& gate, const DeviceMatrix& up, DevicePointer x, DevicePointer norm,
                 float eps, DevicePointer y) {
    return gate.type == up.type && add(gate.type, {weights(gate, up, true), x, norm, y, eps, 0});
  }

  bool add_attention(const FreshAttentionArgs& args) {
    const AttentionArgs& of = args.attention;
    const KvType type = static_cast<KvType>(of.cache.kv_type);
    if (of.head_dim != 64 && of.head_dim != 128) return false;
    if (head_dim_ != 0 && (head_dim_ != of.head_dim || kv_type_ != type || args_.list != of.list))
      return false;
    if (!hold(limits_.parts * part_bytes(of.head_dim) + chunk_rows_bytes(type, of.cache.row_bytes)))
      return false;
    args_.list = of.list;
    head_dim_ = of.head_dim;
    kv_type_ = type;
    ChainOp& op = args_.ops[args_.count++];
    op.is_attention = 1;
    op.attention = args;
    return true;
  }

  bool empty() const { return args_.count == 0; }
  void clear() {
    args_.count = args_.panel_bytes = 0;
    args_.list = 0;
    head_dim_ = 0;
  }

  /// For the kernel, with the addresses of the device's counters.
  const ChainArgs& args(DevicePointer meetings, DevicePointer attention_counters) {
    args_.meetings = meetings;
    args_.counters = attention_counters;
    args_.part_bytes = head_dim_ == 0 ? 0 : part_bytes(head_dim_);
    return args_;
  }
  /// Of its attention, if there is any; head_dim is 64 or 128 then, and 0 without.
  KvType kv_type() const { return kv_type_; }
  uint32_t head_dim() const { return head_dim_; }

 private:
  /// slot_rows 0: not of a type that chains multiply, with rows that do not fit a slot, or with too many.
  ChainWeights weights(const DeviceMatrix& a, const DeviceMatrix& b, bool gated) const {
    ChainWeights w = {};
    w.quants[0] = a.quants, w.quants[1] = b.quants;
    w.scales[0] = a.scales, w.scales[1] = b.scales;
    w.cols = a.cols, w.gated = gated ? 1 : 0;
    if ((a.type != DType::q8_0 && a.type != DType::q4_0) || a.cols % kChainColumns != 0) return w;
    w.scale_bytes = a.cols / kGroup * Layout<BlockQ8_0>::kScaleBytes;
    w.quant_bytes = a.type == DType::q8_0 ? a.cols : a.cols / 2;
    w.share = a.rows / limits_.groups;
    w.extra = a.rows % limits_.groups;
    const uint32_t most = w.share + (w.extra > 0 ? 1 : 0), matrices = w.matrices();
    const uint32_t room =
        std::min(kSlotRows / matrices, limits_.slot_bytes / (matrices * (w.quant_bytes + w.scale_bytes)));
    if (room == 0) return w;
    const uint32_t slots = (most + room - 1) / room;  // as few as possible, all of one size
    if (slots <= limits_.most_fills) w.slot_rows = (most + slots - 1) / slots;
    return w;
  }
  template <class Block>
  static uint32_t panel_bytes(uint32_t cols) {
    using Form = typename ActivationsOf<Block>::Type;
    return Form::bytes(whole_panel<Form>(cols));
  }
  uint32_t part_bytes(uint32_t head_dim) const {
    return attend_chunk_bytes(head_dim, limits_.teams / limits_.parts, limits_.team_size, kPartQueries);
  }

  bool add(DType type, const ChainProduct& product) {
    const uint32_t cols = product.w.cols;
    if (product.w.slot_rows == 0 || (product.norm && cols > limits_.norm_columns)) return false;
    if (!hold(type == DType::q8_0 ? panel_bytes<BlockQ8_0>(cols) : panel_bytes<BlockQ4_0>(cols)))
      return false;
    ChainOp& op = args_.ops[args_.count++];
    op.is_attention = 0;
    op.is_q8_0 = type == DType::q8_0 ? 1 : 0;
    op.product = product;
    return true;
  }

  /// Room for one more op with so much shared memory, if slots enough remain.
  bool hold(uint32_t bytes) {
    bytes = std::max(args_.panel_bytes, (bytes + 127) & ~127u);
    const uint32_t used = bytes + (args_.count + 1) * static_cast<uint32_t>(sizeof(ChainWeights));
    if (args_.count == kMostChainOps || used > limits_.shared_bytes) return false;
    const uint32_t slots = std::min(limits_.most_slots, (limits_.shared_bytes - used) / limits_.slot_bytes);
    if (slots < 2 * limits_.crews) return false;  // nothing would be on its way while others are read
    args_.panel_bytes = bytes;
    args_.slots = slots;
    return true;
  }

  ChainLimits limits_;
  ChainArgs args_ = {};
  KvType kv_type_ = KvType::f16;
  uint32_t head_dim_ = 0;
};

}  // namespace openelm::gpu

#include "gpu/input.h"

#include <cstring>

namespace openelm::gpu {
namespace {

PassTokens on_device(const TokenPlan& plan, const PassPlan& pass, DevicePointer list, DevicePointer tiles) {
  PassTokens tokens;
  tokens.few = plan.few;
  tokens.batch.tokens = static_cast<uint32_t>(plan.list.size());
  tokens.batch.list = list;
  tokens.batch.tiles = tiles;
  tokens.batch.tile_count = static_cast<uint32_t>(plan.tiles.size());
  tokens.batch.single_tokens = plan.few ? tokens.batch.tokens : 0;
  tokens.batch.max_positions = pass.max_positions;
  return tokens;
}

}  // namespace

PassInput::PassInput(const PassPlan& plan) {
  append(plan.tokens.list);
  if (plan.shrinks) kept_list_ = append(plan.kept_tokens.list);
  tiles_ = append(plan.tokens.tiles);
  if (plan.shrinks) kept_tiles_ = append(plan.kept_tokens.tiles);
  ids_ = append(plan.ids);
}

size_t PassInput::most_bytes(size_t tokens) {
  return tokens * (2 * (sizeof(BatchToken) + sizeof(AttentionTile)) + sizeof(int32_t));
}

template <class T>
size_t PassInput::append(const std::vector<T>& items) {
  const size_t at = bytes_.size(), size = items.size() * sizeof(T);
  bytes_.resize(at + size);
  if (size > 0) std::memcpy(bytes_.data() + at, items.data(), size);
  return at;
}

PassTokens PassInput::tokens(const PassPlan& plan, DevicePointer at) const {
  return on_device(plan.tokens, plan, at, at + tiles_);
}

PassTokens PassInput::kept_tokens(const PassPlan& plan, DevicePointer at) const {
  return on_device(plan.kept_tokens, plan, at + kept_list_, at + kept_tiles_);
}

}  // namespace openelm::gpu

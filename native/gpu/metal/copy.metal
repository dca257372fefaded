// Copies within the order of the other ops.

#include "gpu/metal/entry.h"

OPENELM_ENTRY(openelm_copy, CopyArgs) {
  const uint32_t i = at.x * threads.x + thread_index;
  if (i >= given.units) return;
  if (given.unit_bytes == 4)
    openelm::gpu::at<uint32_t>(given.to)[i] = openelm::gpu::at<const uint32_t>(given.from)[i];
  else
    openelm::gpu::at<uint8_t>(given.to)[i] = openelm::gpu::at<const uint8_t>(given.from)[i];
}

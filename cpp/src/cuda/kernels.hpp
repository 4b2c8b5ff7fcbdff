// The launches of the step on a GPU. They allocate nothing and wait for nothing, so that a CUDA graph
// can capture them.
#pragma once

#include <cuda_runtime_api.h>

#include "mettle/market/block.hpp"

namespace mettle::cuda {

// Step every environment; actions: (environments, assets) on the device.
void launch_step(const market::Launch& launch, const float* actions, cudaStream_t stream);

enum class Fresh { kFirst, kNext, kNone };  // which episode begins

// Begin episodes, and show what the agents see before a step.
void launch_show(const market::Launch& launch, Fresh fresh, cudaStream_t stream);

void launch_seed(const market::Launch& launch, std::uint64_t seed, cudaStream_t stream);

}  // namespace mettle::cuda

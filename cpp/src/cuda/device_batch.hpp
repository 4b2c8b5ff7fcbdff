// A batch of environments that lives on a GPU: table, state and outputs, stepped by kernels.
#pragma once

#include <memory>
#include <string>

#include "kernels.hpp"
#include "memory.hpp"
#include "mettle/market/batch_state.hpp"

namespace mettle::cuda {

// Every call but `step` may wait for the GPU. The caller uses one stream at a time, or orders them
// himself.
class DeviceBatch {
public:
    // Copies the table to the device; CudaError where that does not hold it.
    DeviceBatch(market::BatchSetup setup, int device);

    void reset(std::uint64_t seed, cudaStream_t stream);
    // Begin the next episode of every environment.
    void begin_all(cudaStream_t stream);
    // Actions: (environments, assets) on the device. Returns once the step is queued.
    void step(const float* actions, cudaStream_t stream);
    // Whether a number left int64 since the last reset or restore; the batch is then spent.
    bool overflowed(cudaStream_t stream) const;

    // The bytes are those of the batch on the CPU, and of either.
    std::string snapshot(cudaStream_t stream) const;
    const char* restore(const std::string& bytes, cudaStream_t stream);

    const market::BatchSetup& setup() const { return setup_; }
    const market::Columns& columns() const { return launch_.columns; }
    const std::shared_ptr<DeviceArrays>& arrays() const { return arrays_; }

private:
    void upload_world();
    void make_columns();
    void clear_overflow(cudaStream_t stream);

    market::BatchSetup setup_;
    std::shared_ptr<DeviceArrays> arrays_;
    market::Launch launch_{};
    std::uint64_t seed_ = 0;
};

}  // namespace mettle::cuda

#include "kernels.hpp"
#include "memory.hpp"

namespace mettle::cuda {

using market::BlockMemory;
using market::Int;
using market::Launch;

namespace {

// Small blocks: a few thousand environments are then spread over all of a large GPU, and the rows of
// a block of any number of assets fit its shared memory.
constexpr int kThreads = 64;
constexpr int kThreadsOfMany = 32;  // where the number of assets is known at run time only

__device__ BlockMemory shared_memory() {
    extern __shared__ double bytes[];
    return market::block_memory(bytes, static_cast<int>(blockDim.x));
}

__device__ Int first_of_block() { return Int{blockIdx.x} * blockDim.x; }

__device__ void write_together(const Launch& launch, const BlockMemory& memory) {
    __syncthreads();
    market::write_rows(launch, memory, first_of_block(), static_cast<int>(blockDim.x),
                       static_cast<int>(threadIdx.x));
}

template <int A>
__global__ void __launch_bounds__(A > 0 ? kThreads : kThreadsOfMany)
    step_kernel(const __grid_constant__ Launch launch, const float* actions) {
    const BlockMemory memory = shared_memory();
    market::play_thread<A>(launch, memory, first_of_block(), static_cast<int>(threadIdx.x), actions);
    write_together(launch, memory);
}

__global__ void __launch_bounds__(kThreadsOfMany)
    show_kernel(const __grid_constant__ Launch launch, bool begins, bool anew) {
    const BlockMemory memory = shared_memory();
    market::show_thread(launch, memory, first_of_block(), static_cast<int>(threadIdx.x), begins, anew);
    write_together(launch, memory);
}

__global__ void seed_kernel(std::uint64_t* to, std::uint64_t seed) { *to = seed; }

template <class Kernel, class... Arguments>
void start(Kernel kernel, int threads, const Launch& launch, cudaStream_t stream,
           Arguments... arguments) {
    const auto blocks = static_cast<unsigned>((launch.environments + threads - 1) / threads);
    const std::size_t bytes = market::block_bytes(threads, launch.world.market.assets);
    kernel<<<blocks, static_cast<unsigned>(threads), bytes, stream>>>(launch, arguments...);
    check(cudaGetLastError(), "starting a kernel");
}

}  // namespace

void launch_step(const Launch& launch, const float* actions, cudaStream_t stream) {
    switch (launch.world.market.assets) {
        case 1: return start(step_kernel<1>, kThreads, launch, stream, actions);
        case 2: return start(step_kernel<2>, kThreads, launch, stream, actions);
        case 4: return start(step_kernel<4>, kThreads, launch, stream, actions);
        case 8: return start(step_kernel<8>, kThreads, launch, stream, actions);
        default: return start(step_kernel<0>, kThreadsOfMany, launch, stream, actions);
    }
}

void launch_show(const Launch& launch, Fresh fresh, cudaStream_t stream) {
    start(show_kernel, kThreadsOfMany, launch, stream, fresh != Fresh::kNone, fresh == Fresh::kFirst);
}

void launch_seed(const Launch& launch, std::uint64_t seed, cudaStream_t stream) {
    seed_kernel<<<1, 1, 0, stream>>>(launch.seed, seed);
    check(cudaGetLastError(), "starting a kernel");
}

}  // namespace mettle::cuda

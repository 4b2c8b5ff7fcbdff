#include "memory.hpp"

#include <string>

namespace mettle::cuda {

void check(cudaError_t status, const char* doing) {
    if (status == cudaSuccess) return;
    throw CudaError(std::string("CUDA failed while ") + doing + ": " + cudaGetErrorString(status) +
                    " (" + cudaGetErrorName(status) + ")");
}

OnDevice::OnDevice(int device) {
    check(cudaGetDevice(&before_), "asking for the current GPU");
    check(cudaSetDevice(device), "choosing a GPU");
}

// What a destructor cannot tell, the next call tells.
OnDevice::~OnDevice() { static_cast<void>(cudaSetDevice(before_)); }

DeviceArrays::~DeviceArrays() {
    int before = 0;
    static_cast<void>(cudaGetDevice(&before));
    static_cast<void>(cudaSetDevice(device_));
    for (void* one : held_) static_cast<void>(cudaFree(one));
    static_cast<void>(cudaSetDevice(before));
}

void* DeviceArrays::allocate(std::size_t bytes) {
    if (bytes == 0) return nullptr;
    const OnDevice here(device_);
    held_.push_back(nullptr);
    check(cudaMalloc(&held_.back(), bytes), ("allocating " + std::to_string(bytes) + " bytes").c_str());
    check(cudaMemset(held_.back(), 0, bytes), "clearing an array");
    return held_.back();
}

void DeviceArrays::upload(void* to, const void* from, std::size_t bytes) const {
    if (bytes == 0) return;
    const OnDevice here(device_);
    check(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), "copying to the GPU");
    check(cudaStreamSynchronize(nullptr), "copying to the GPU");  // pageable memory passes a buffer
}

void DeviceArrays::download(void* to, const void* from, std::size_t bytes) const {
    if (bytes == 0) return;
    const OnDevice here(device_);
    check(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost), "copying from the GPU");
}

}  // namespace mettle::cuda

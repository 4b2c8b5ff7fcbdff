// Arrays on a GPU, and errors of CUDA as exceptions.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <stdexcept>
#include <vector>

namespace mettle::cuda {

struct CudaError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Throw a CudaError that says what was being done and what CUDA says of it.
void check(cudaError_t status, const char* doing);

// Makes a device the current one of this thread for as long as it lives.
class OnDevice {
public:
    explicit OnDevice(int device);
    ~OnDevice();
    OnDevice(const OnDevice&) = delete;
    OnDevice& operator=(const OnDevice&) = delete;

private:
    int before_ = 0;
};

// Owner of arrays on one device; all are released with it.
class DeviceArrays {
public:
    explicit DeviceArrays(int device) : device_(device) {}
    ~DeviceArrays();
    DeviceArrays(const DeviceArrays&) = delete;
    DeviceArrays& operator=(const DeviceArrays&) = delete;

    int device() const { return device_; }

    // An array of zeros; null where the count is 0.
    template <class T>
    T* make(std::size_t count) {
        return static_cast<T*>(allocate(count * sizeof(T)));
    }

    // A copy of an array of the host; null where the count is 0.
    template <class T>
    T* copy_of(const T* from, std::size_t count) {
        T* found = make<T>(count);
        upload(found, from, count * sizeof(T));
        return found;
    }

    // Both wait until the copy is there.
    void upload(void* to, const void* from, std::size_t bytes) const;
    void download(void* to, const void* from, std::size_t bytes) const;

private:
    void* allocate(std::size_t bytes);

    int device_;
    std::vector<void*> held_;
};

}  // namespace mettle::cuda

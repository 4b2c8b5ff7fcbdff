// Arrays on cache lines, and on huge pages where they are large: environments read random rows, and
// with 4 KiB pages each row costs a walk through the page table besides the row itself.
#pragma once

#include <cstddef>
#include <vector>

namespace mettle::market {

void* allocate_lines(std::size_t bytes);
void release_lines(void* pointer);

template <class T>
struct LineAllocator {
    using value_type = T;
    LineAllocator() = default;
    template <class U>
    explicit LineAllocator(const LineAllocator<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(allocate_lines(n * sizeof(T))); }
    void deallocate(T* pointer, std::size_t) { release_lines(pointer); }
    friend bool operator==(const LineAllocator&, const LineAllocator&) { return true; }
};

template <class T>
using Lines = std::vector<T, LineAllocator<T>>;

}  // namespace mettle::market

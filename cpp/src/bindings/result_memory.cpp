#include "result_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace py = pybind11;

namespace mettle::bindings {

#if defined(__linux__) && defined(MADV_FREE)

namespace {

constexpr std::size_t kHuge = std::size_t{2} << 20;   // bytes of a huge page
constexpr std::size_t kLarge = std::size_t{4} << 20;  // from which on it pays

// Pages of one mapping.
struct Pages {
    std::byte* mapped;
    std::size_t length;

    std::byte* first() const {  // on the boundary of a huge page
        const auto past = reinterpret_cast<std::uintptr_t>(mapped) % kHuge;
        return mapped + (kHuge - past) % kHuge;
    }
    std::size_t size() const { return length - kHuge; }
};

void give_back(const Pages& pages) { munmap(pages.mapped, pages.length); }

// What is kept. All that touches it holds the GIL.
Pages kept{nullptr, 0};

void keep(const Pages& pages) {
    if (pages.length <= kept.length) return give_back(pages);
    if (kept.length > 0) give_back(kept);
    kept = pages;
    // From here on the kernel may take them, until they are written again.
    madvise(pages.first(), pages.size(), MADV_FREE);
}

struct Keeper {
    void operator()(Pages* pages) const {
        keep(*pages);
        delete pages;
    }
};

// Memory for so many bytes; none if there is none.
Pages take(std::size_t bytes) {
    if (kept.length > 0 && kept.size() >= bytes && kept.size() / 2 <= bytes)
        return std::exchange(kept, Pages{nullptr, 0});
    const std::size_t length = (bytes + kHuge - 1) / kHuge * kHuge + kHuge;
    void* const found =
        mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) return {nullptr, 0};
    const Pages pages{static_cast<std::byte*>(found), length};
    madvise(pages.first(), pages.size(), MADV_HUGEPAGE);  // only a hint
    return pages;
}

}  // namespace

py::array_t<double> result_array(const std::vector<py::ssize_t>& shape) {
    const py::ssize_t count =
        std::accumulate(shape.begin(), shape.end(), py::ssize_t{1}, std::multiplies<>());
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(double);
    if (bytes < kLarge) return py::array_t<double>(shape);
    const Pages taken = take(bytes);
    if (taken.mapped == nullptr) return py::array_t<double>(shape);  // which raises MemoryError
    std::unique_ptr<Pages, Keeper> pages(new Pages(taken));
    auto* const values = reinterpret_cast<double*>(pages->first());
    const py::capsule owner(pages.get(), [](void* given) { Keeper()(static_cast<Pages*>(given)); });
    pages.release();
    return py::array_t<double>(shape, values, owner);
}

#else

py::array_t<double> result_array(const std::vector<py::ssize_t>& shape) {
    return py::array_t<double>(shape);
}

#endif

}  // namespace mettle::bindings

#include "result_memory.hpp"

#include <algorithm>
#include <array>
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

// What is kept, for the few results that lie there at once: those of a backtest are its table of
// features and its series. All that touches it holds the GIL.
std::array<Pages, 3> kept{};

void keep(const Pages& pages) {
    Pages& least = *std::min_element(kept.begin(), kept.end(), [](const Pages& a, const Pages& b) {
        return a.length < b.length;
    });
    if (pages.length <= least.length) return give_back(pages);
    if (least.length > 0) give_back(least);
    least = pages;
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
    Pages* best = nullptr;
    for (Pages& one : kept) {
        const bool fits = one.length > 0 && one.size() >= bytes && one.size() / 2 <= bytes;
        if (fits && (best == nullptr || one.length < best->length)) best = &one;
    }
    if (best != nullptr) return std::exchange(*best, Pages{nullptr, 0});
    const std::size_t length = (bytes + kHuge - 1) / kHuge * kHuge + kHuge;
    void* const found =
        mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) return {nullptr, 0};
    const Pages pages{static_cast<std::byte*>(found), length};
    madvise(pages.first(), pages.size(), MADV_HUGEPAGE);  // only a hint
    return pages;
}

}  // namespace

ResultMemory result_memory(std::size_t bytes) {
    if (bytes < kLarge) return {nullptr, py::none()};
    const Pages taken = take(bytes);
    if (taken.mapped == nullptr) return {nullptr, py::none()};
    std::unique_ptr<Pages, Keeper> pages(new Pages(taken));
    std::byte* const first = pages->first();
    py::capsule owner(pages.get(), [](void* given) { Keeper()(static_cast<Pages*>(given)); });
    pages.release();
    return {first, std::move(owner)};
}

#else

ResultMemory result_memory(std::size_t) { return {nullptr, py::none()}; }

#endif

py::array_t<double> result_array(const std::vector<py::ssize_t>& shape) {
    const py::ssize_t count =
        std::accumulate(shape.begin(), shape.end(), py::ssize_t{1}, std::multiplies<>());
    const auto memory = result_memory(static_cast<std::size_t>(count) * sizeof(double));
    if (memory.first == nullptr) return py::array_t<double>(shape);  // or raise MemoryError
    return py::array_t<double>(shape, reinterpret_cast<double*>(memory.first), memory.owner);
}

}  // namespace mettle::bindings

#include "mettle/market/lines.hpp"

#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace mettle::market {

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20U;

}  // namespace

void* allocate_lines(std::size_t bytes) {
    const std::size_t unit = bytes >= kHugePage ? kHugePage : kLine;
    const std::size_t rounded = (bytes + unit - 1) / unit * unit;
    void* found = std::aligned_alloc(unit, rounded == 0 ? unit : rounded);
    if (found == nullptr) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    // Advice: without huge pages everything works, slower.
    if (unit == kHugePage) static_cast<void>(madvise(found, rounded, MADV_HUGEPAGE));
#endif
    return found;
}

void release_lines(void* pointer) { std::free(pointer); }

}  // namespace mettle::market

// The lanes of a sweep with avx2 instructions.
#if defined(__AVX2__)

#include <immintrin.h>

#include "sweep_levels.hpp"

namespace mettle::market {
namespace {
constexpr int kLanes = 4;
typedef double V __attribute__((vector_size(8 * kLanes)));
typedef std::int64_t M __attribute__((vector_size(8 * kLanes)));
// A bit for each lane of a mask.
inline unsigned bits(M mask) {
    return static_cast<unsigned>(_mm256_movemask_pd(reinterpret_cast<__m256d>(mask)));
}
}  // namespace
}  // namespace mettle::market
#include "sweep_body.hpp"

namespace mettle::market {

void sweep_avx2(const SweepWorld& world, SweepBlock& block) { play(world, block); }

}  // namespace mettle::market

#endif

// The lanes of a sweep with avx512 instructions.
#if defined(__AVX512F__)

#include <immintrin.h>

#include "sweep_levels.hpp"

namespace mettle::market {
namespace {
constexpr int kLanes = 8;
typedef double V __attribute__((vector_size(8 * kLanes)));
typedef std::int64_t M __attribute__((vector_size(8 * kLanes)));
// A bit for each lane of a mask.
inline unsigned bits(M mask) {
    const auto whole = reinterpret_cast<__m512i>(mask);
    return _mm512_test_epi64_mask(whole, whole);
}
}  // namespace
}  // namespace mettle::market
#include "sweep_body.hpp"

namespace mettle::market {

void sweep_avx512(const SweepWorld& world, SweepBlock& block) { play(world, block); }

}  // namespace mettle::market

#endif

// The kernels of training with avx2 instructions.
#include <cstdint>

#include "learning_levels.hpp"
#include "mettle/learning/kernels.hpp"

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

#define METTLE_TILE_ROWS 6  // that fit into the registers
namespace mettle::learning {
namespace {
constexpr Index kLanes = 8;
typedef float Float __attribute__((vector_size(4 * kLanes)));
inline Float least(Float bound, Float value) { return _mm256_min_ps(bound, value); }
inline Float most(Float bound, Float value) { return _mm256_max_ps(bound, value); }
}  // namespace
}  // namespace mettle::learning
#include "learning_kernels_body.hpp"

namespace mettle::learning {

const Kernels* kernels_avx2() { return &kTable; }

}  // namespace mettle::learning

#endif

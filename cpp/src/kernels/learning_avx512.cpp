// The kernels of training with avx512 instructions.
#include <cstdint>

#include "learning_levels.hpp"
#include "mettle/learning/kernels.hpp"

#if defined(__AVX512F__)

#define METTLE_TILE_ROWS 12  // that fit into the registers
namespace mettle::learning {
namespace {
constexpr Index kLanes = 16;
typedef float Float __attribute__((vector_size(4 * kLanes)));
inline Float least(Float bound, Float value) { return bound < value ? bound : value; }
inline Float most(Float bound, Float value) { return bound > value ? bound : value; }
}  // namespace
}  // namespace mettle::learning
#include "learning_kernels_body.hpp"

namespace mettle::learning {

const Kernels* kernels_avx512() { return &kTable; }

}  // namespace mettle::learning

#endif

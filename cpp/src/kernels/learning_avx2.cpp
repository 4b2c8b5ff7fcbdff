// The kernels of training with avx2 instructions.
#include <cstdint>

#include "learning_levels.hpp"
#include "mettle/learning/kernels.hpp"

#if defined(__AVX2__) && defined(__FMA__)

#define METTLE_TILE_ROWS 6  // that fit into the registers
namespace mettle::learning {
namespace {
constexpr Index kLanes = 8;
}  // namespace
}  // namespace mettle::learning
#include "learning_kernels_body.hpp"

namespace mettle::learning {

const Kernels* kernels_avx2() { return &kTable; }

}  // namespace mettle::learning

#endif

// The kernels of training with portable instructions.
#include <cstdint>

#include "learning_levels.hpp"
#include "mettle/learning/kernels.hpp"

#define METTLE_TILE_ROWS 2  // that fit into the registers
namespace mettle::learning {
namespace {
constexpr Index kLanes = 4;
typedef float Float __attribute__((vector_size(4 * kLanes)));
inline Float least(Float bound, Float value) { return bound < value ? bound : value; }
inline Float most(Float bound, Float value) { return bound > value ? bound : value; }
}  // namespace
}  // namespace mettle::learning
#include "learning_kernels_body.hpp"

namespace mettle::learning {

const Kernels* kernels_portable() { return &kTable; }

}  // namespace mettle::learning

// The lanes of a sweep with portable instructions.

#include "sweep_levels.hpp"

namespace mettle::market {
namespace {
constexpr int kLanes = 2;
typedef double V __attribute__((vector_size(8 * kLanes)));
typedef std::int64_t M __attribute__((vector_size(8 * kLanes)));
// A bit for each lane of a mask.
inline unsigned bits(M mask) {
    return static_cast<unsigned>(-mask[0]) | static_cast<unsigned>(-mask[1]) << 1U;
}
}  // namespace
}  // namespace mettle::market
#include "sweep_body.hpp"

namespace mettle::market {

void sweep_portable(const SweepWorld& world, SweepBlock& block) { play(world, block); }

}  // namespace mettle::market

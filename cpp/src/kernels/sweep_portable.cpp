// The lanes of a sweep with portable instructions.

#include "sweep_levels.hpp"

namespace mettle::market {
namespace {
constexpr int kLanes = 2;
typedef double V __attribute__((vector_size(8 * kLanes)));
typedef std::int64_t M __attribute__((vector_size(8 * kLanes)));
inline bool any(M mask) { return (mask[0] | mask[1]) != 0; }
}  // namespace
}  // namespace mettle::market
#include "sweep_body.hpp"

namespace mettle::market {

void sweep_portable(const SweepWorld& world, SweepBlock& block) { play(world, block); }

}  // namespace mettle::market

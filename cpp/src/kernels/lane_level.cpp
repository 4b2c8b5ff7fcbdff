#include "mettle/market/lane_level.hpp"

namespace mettle::market {

bool supported(LaneLevel level) {
#if defined(__x86_64__)
    if (level == LaneLevel::kAvx512) return __builtin_cpu_supports("avx512f") != 0;
    if (level == LaneLevel::kAvx2) {
        return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    }
#endif
    return level == LaneLevel::kBest || level == LaneLevel::kPortable;
}

// The best is not the widest. Of a sweep trades take most of the time, and of sixteen pairs eight
// sit idle together less often than four. Of a batch's step half is waiting for rows of the table,
// which are read one lane at a time at any width. Of the rest much is quotients, of which most
// dividers give no more a cycle eight at a time than four, and accounts, which lie apart as well;
// where an episode ends the general code closes the bar for all lanes beside it, too. Against what is
// left to win stands a core that may slow down for wide registers, also for the network between two
// steps. Neither has been measured with AVX-512: until then, who wants it asks for it.
LaneLevel resolved(LaneLevel level) {
    if (level != LaneLevel::kBest) return level;
    return supported(LaneLevel::kAvx2) ? LaneLevel::kAvx2 : LaneLevel::kPortable;
}

}  // namespace mettle::market

#include "mettle/learning/kernels.hpp"

#include "learning_levels.hpp"

namespace mettle::learning {

bool supported(Level level) {
#if defined(__x86_64__)
    if (level == Level::avx512) return __builtin_cpu_supports("avx512f") != 0;
    if (level == Level::avx2) {
        return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    }
#endif
    return level == Level::best || level == Level::portable;
}

const Kernels& kernels(Level level) {
#if defined(__x86_64__)
    const bool best = level == Level::best;
    if (level == Level::avx512 || (best && supported(Level::avx512))) return *kernels_avx512();
    if (level == Level::avx2 || (best && supported(Level::avx2))) return *kernels_avx2();
#else
    static_cast<void>(level);
#endif
    return *kernels_portable();
}

}  // namespace mettle::learning

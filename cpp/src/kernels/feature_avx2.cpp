// The feature kernels with avx2 instructions: the same operations, four at a time.
#if defined(__AVX2__)

#define METTLE_LEVEL avx2
#include "feature_families.hpp"
#include "feature_levels.hpp"

namespace mettle::features {

const Family* families_avx2() {
    return kFamilies;
}

}  // namespace mettle::features

#endif

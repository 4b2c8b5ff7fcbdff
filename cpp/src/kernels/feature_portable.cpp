// The feature kernels for any processor.
#include "feature_families.hpp"
#include "feature_levels.hpp"

namespace mettle::features {

const Family* families_portable() {
    return kFamilies;
}

}  // namespace mettle::features

// One table of kernels a level, ending with a null name; those of other processors do not exist.
#pragma once

#include "mettle/features/node.hpp"

namespace mettle::features {

const Family* families_portable();
#if defined(__x86_64__)
const Family* families_avx2();
#endif

}  // namespace mettle::features

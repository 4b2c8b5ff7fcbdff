// One table of kernels a level; those of other processors do not exist.
#pragma once

#include "mettle/learning/kernels.hpp"

namespace mettle::learning {

const Kernels* kernels_portable();
#if defined(__x86_64__)
const Kernels* kernels_avx2();
const Kernels* kernels_avx512();
#endif

}  // namespace mettle::learning

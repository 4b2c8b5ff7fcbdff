// Memory for results of many megabytes.
#pragma once

#include <pybind11/numpy.h>

#include <vector>

namespace mettle::bindings {

// An array of doubles whose values nobody has set. Large ones get the memory of the last large one
// that was given up, if it fits: pages that come from the kernel are cleared first, which takes as
// long as working a table of features out. Meanwhile the kernel may take what is kept, should
// others need it. The GIL must be held.
pybind11::array_t<double> result_array(const std::vector<pybind11::ssize_t>& shape);

}  // namespace mettle::bindings

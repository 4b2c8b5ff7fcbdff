// Memory for results of many megabytes.
#pragma once

#include <pybind11/numpy.h>

#include <cstddef>
#include <vector>

namespace mettle::bindings {

// Memory that nobody has set, and what owns it.
struct ResultMemory {
    std::byte* first;  // null where there is none: too small for it, or not to be had
    pybind11::object owner;
};

// Large results get the memory of earlier large ones that were given up, if one fits: pages that
// come from the kernel are cleared first, which takes as long as working a table of features out.
// Meanwhile the kernel may take what is kept, should others need it. The GIL must be held.
ResultMemory result_memory(std::size_t bytes);

// An array of doubles in such memory, or in NumPy's own.
pybind11::array_t<double> result_array(const std::vector<pybind11::ssize_t>& shape);

}  // namespace mettle::bindings

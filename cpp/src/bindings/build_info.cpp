#include "bindings.hpp"

namespace mettle::bindings {

void register_build_info(pybind11::module_& module) {
    module.def(
        "build_info",
        [] {
            pybind11::dict info;
            info["compiler"] = __VERSION__;
#ifdef NDEBUG
            info["assertions"] = false;
#else
            info["assertions"] = true;
#endif
            return info;
        },
        "Return the compiler and the build kind of the native kernels.");
}

}  // namespace mettle::bindings

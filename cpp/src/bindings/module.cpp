// The extension's only entry point: each area registers itself from a file of its own.
#include "bindings.hpp"

PYBIND11_MODULE(_native, module) {
    module.doc() = "mettle's native kernels: features, market, inference, training.";
    mettle::bindings::register_build_info(module);
    mettle::bindings::register_features(module);
    mettle::bindings::register_inference(module);
    mettle::bindings::register_learning(module);
    mettle::bindings::register_market(module);
    mettle::bindings::register_sweep(module);
    mettle::bindings::register_backtest(module);
}

// One register function an area; module.cpp calls them and does nothing else.
#pragma once

#include <pybind11/pybind11.h>

namespace mettle::bindings {

void register_backtest(pybind11::module_& module);
void register_build_info(pybind11::module_& module);
void register_features(pybind11::module_& module);
void register_inference(pybind11::module_& module);
void register_learning(pybind11::module_& module);
void register_market(pybind11::module_& module);
void register_sweep(pybind11::module_& module);

}  // namespace mettle::bindings

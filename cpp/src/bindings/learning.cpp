// Training as Python sees it: one learner, its weights by name, and its rollout as arrays.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "market_arguments.hpp"
#include "mettle/learning/ppo.hpp"
#include "mettle/market/batch.hpp"

namespace py = pybind11;

namespace mettle::bindings {
namespace {

using learning::Index;
using learning::Level;
using learning::Losses;
using learning::Ppo;
using learning::PpoShape;
using learning::Tensor;

constexpr Index kWidest = 1 << 16;
constexpr Index kMostFrames = std::numeric_limits<std::int32_t>::max();

class MarketEnvironments final : public learning::Environments {
public:
    explicit MarketEnvironments(market::Batch& batch) : batch_(batch) {}
    learning::Sight sight() override {
        market::Output& output = batch_.output();
        return {output.observations.data(), output.rewards.data(), output.terminated.data(),
                output.truncated.data(), batch_.final_observations.data(),
                batch_.final_returns.data(), batch_.final_lengths.data()};
    }
    bool step(const float* actions) override { return batch_.step(actions); }

private:
    market::Batch& batch_;
};

Level level_named(const std::string& name) {
    Level level = Level::best;
    if (name == "portable") {
        level = Level::portable;
    } else if (name == "avx2") {
        level = Level::avx2;
    } else if (name == "avx512") {
        level = Level::avx512;
    } else if (name != "best") {
        throw py::value_error("dispatch must be best, portable, avx2 or avx512, was " + name);
    }
    if (!learning::supported(level)) {
        throw py::value_error("this machine cannot run dispatch level " + name);
    }
    return level;
}

Index count_of(const py::dict& values, const char* name, Index most) {
    const Index value = values[name].cast<Index>();
    if (value < 1 || value > most) {
        throw py::value_error(std::string(name) + " must lie in 1 … " + std::to_string(most) +
                              ", was " + std::to_string(value));
    }
    return value;
}

std::unique_ptr<Ppo> make(Index inputs, Index actions, const py::dict& values,
                          std::uint64_t seed, int threads, const std::string& dispatch) {
    const auto real = [&](const char* name) { return values[name].cast<float>(); };
    PpoShape shape{inputs,
                   actions,
                   values["hidden"].cast<std::vector<Index>>(),
                   count_of(values, "environments", kMostFrames),
                   count_of(values, "rollout", kMostFrames),
                   count_of(values, "batch_size", kMostFrames),
                   count_of(values, "epochs", kMostFrames),
                   real("learning_rate"),
                   real("discount"),
                   real("gae_lambda"),
                   real("clip_range"),
                   real("entropy_coefficient"),
                   real("value_coefficient"),
                   real("max_gradient_norm"),
                   threads,
                   seed,
                   level_named(dispatch)};
    const Index frames = shape.environments * shape.rollout;
    if (frames > kMostFrames || shape.batch < 2 || frames % shape.batch != 0) {
        throw py::value_error("batch_size must be at least 2 and divide environments × rollout");
    }
    bool fits = inputs >= 1 && inputs <= kWidest && actions >= 1 && actions <= kWidest &&
                threads >= 1 && threads <= 1024 && !shape.hidden.empty();
    for (const Index one : shape.hidden) fits = fits && one >= 1 && one <= kWidest;
    if (!fits) {
        throw py::value_error("inputs, actions and hidden widths must lie in 1 … " +
                              std::to_string(kWidest) + ", threads in 1 … 1024");
    }
    return std::make_unique<Ppo>(std::move(shape));
}

const market::Lines<float>& values_of(Ppo& ppo, const std::string& kind) {
    if (kind == "weights") return ppo.weights();
    if (kind == "first_moments") return ppo.first();
    if (kind == "second_moments") return ppo.second();
    if (kind == "gradient") return ppo.gradient();
    throw py::value_error("there are weights, first_moments, second_moments and a gradient, not " +
                          kind);
}

std::vector<py::ssize_t> shape_of(const Tensor& tensor) {
    if (tensor.inputs == 0) return {tensor.outputs};
    return {tensor.outputs, tensor.inputs};
}

py::dict tensors(Ppo& ppo, const std::string& kind) {
    const market::Lines<float>& values = values_of(ppo, kind);
    py::dict found;
    for (const Tensor& tensor : ppo.network().tensors()) {
        py::array_t<float> dense(shape_of(tensor));
        float* to = dense.mutable_data();
        for (Index o = 0; o < tensor.outputs; ++o) {
            for (Index i = 0; i < std::max<Index>(1, tensor.inputs); ++i) {
                *to++ = values[static_cast<std::size_t>(tensor.at(o, i))];
            }
        }
        found[py::str(tensor.name)] = std::move(dense);
    }
    return found;
}

void load(Ppo& ppo, const std::string& kind, const py::dict& given) {
    if (kind == "gradient") throw py::value_error("a gradient cannot be loaded");
    auto& values = const_cast<market::Lines<float>&>(values_of(ppo, kind));
    std::vector<const float*> dense;
    for (const Tensor& tensor : ppo.network().tensors()) {
        if (!given.contains(tensor.name)) throw py::value_error(tensor.name + " is not given");
        dense.push_back(read<float>(given[py::str(tensor.name)].cast<py::array>(), tensor.name,
                                    shape_of(tensor)));
    }
    if (dense.size() != given.size()) throw py::value_error("an unknown tensor was given");
    for (std::size_t k = 0; k < dense.size(); ++k) {
        const Tensor& tensor = ppo.network().tensors()[k];
        const float* from = dense[k];
        for (Index o = 0; o < tensor.outputs; ++o) {
            for (Index i = 0; i < std::max<Index>(1, tensor.inputs); ++i) {
                values[static_cast<std::size_t>(tensor.at(o, i))] = *from++;
            }
        }
    }
    if (kind == "weights") ppo.weights_changed();
}

template <class T>
py::array view(market::Lines<T>& values, std::vector<py::ssize_t> shape,
               std::vector<py::ssize_t> strides, const py::object& owner) {
    for (py::ssize_t& one : strides) one *= static_cast<py::ssize_t>(sizeof(T));
    return py::array(py::dtype::of<T>(), std::move(shape), std::move(strides), values.data(), owner);
}

py::dict rollout(const py::object& self) {
    auto& ppo = self.cast<Ppo&>();
    const py::ssize_t steps = ppo.shape().rollout;
    const py::ssize_t count = ppo.shape().environments;
    const py::ssize_t actions = ppo.shape().actions;
    py::dict found;
    found["observations"] = view(ppo.observations, {steps, count, ppo.shape().inputs},
                                 {count * ppo.row(), ppo.row(), 1}, self);
    found["actions"] =
        view(ppo.actions, {steps, count, actions}, {count * actions, actions, 1}, self);
    const auto plain = [&](const char* name, auto& values) {
        found[name] = view(values, {steps, count}, {count, 1}, self);
    };
    plain("log_probs", ppo.log_probs);
    plain("values", ppo.values);
    plain("rewards", ppo.rewards);
    plain("advantages", ppo.advantages);
    plain("returns", ppo.returns);
    plain("dones", ppo.dones);
    return found;
}

py::tuple collect(Ppo& ppo, market::Batch& batch) {
    const PpoShape& shape = ppo.shape();
    if (batch.shape().environments != shape.environments || batch.width() != shape.inputs ||
        batch.table().assets != shape.actions) {
        throw py::value_error("the market has another number of environments, inputs or actions");
    }
    bool exact = false;
    {
        // Neither learner nor batch touches anything of Python.
        const py::gil_scoped_release released;
        MarketEnvironments environments(batch);
        exact = ppo.collect(environments);
    }
    if (!exact) throw std::overflow_error(kOverflow);
    py::list episodes;
    for (const learning::Episode& one : ppo.episodes) {
        episodes.append(py::make_tuple(one.reward, one.length));
    }
    return py::make_tuple(batch.side(), episodes);
}

py::dict dict_of(const Losses& losses) {
    py::dict found;
    found["policy_gradient_loss"] = losses.policy;
    found["value_loss"] = losses.value;
    found["entropy_loss"] = losses.entropy;
    found["approx_kl"] = losses.kl;
    found["clip_fraction"] = losses.clipped;
    found["loss"] = losses.last;
    return found;
}

// Positions out of the rollout would be read beyond its end.
const std::int32_t* positions_of(const Ppo& ppo, const py::array& order,
                                 std::vector<py::ssize_t> shape) {
    const std::int32_t* positions = read<std::int32_t>(order, "order", std::move(shape));
    for (py::ssize_t k = 0; k < order.size(); ++k) {
        if (positions[k] < 0 || positions[k] >= ppo.frames()) {
            throw py::value_error("a position lies outside the rollout");
        }
    }
    return positions;
}

py::dict update(Ppo& ppo, const std::optional<py::array>& order) {
    const std::int32_t* positions =
        order ? positions_of(ppo, *order, {ppo.shape().epochs, ppo.frames()}) : nullptr;
    Losses losses;
    {
        // `order` is held by the caller's reference.
        const py::gil_scoped_release released;
        losses = ppo.update(positions);
    }
    return dict_of(losses);
}

py::dict minibatch(Ppo& ppo, const py::array& positions) {
    const py::ssize_t count = positions.ndim() == 1 ? positions.shape(0) : 0;
    if (count < 2) throw py::value_error("a minibatch has at least two positions");
    return dict_of(ppo.minibatch(positions_of(ppo, positions, {count}), count));
}

}  // namespace

void register_learning(py::module_& module) {
    py::class_<Ppo>(module, "PpoLearner",
                    "Proximal policy optimisation in native threads; the results do not depend on "
                    "their number.")
        .def(py::init(&make), py::arg("inputs"), py::arg("actions"), py::arg("settings"),
             py::arg("seed"), py::arg("threads") = 1, py::arg("dispatch") = "best")
        .def("tensors", &tensors, py::arg("kind"),
             "Return copies of weights, first_moments, second_moments or gradient, by the names of "
             "Stable-Baselines3's state.")
        .def("load", &load, py::arg("kind"), py::arg("tensors"),
             "Take weights or moments: all of them, float32, by name.")
        .def_property(
            "counters",
            [](Ppo& ppo) {
                const learning::Counters& now = ppo.counters();
                return py::make_tuple(now.steps, now.epochs, now.updates);
            },
            [](Ppo& ppo, const std::tuple<std::int64_t, std::int64_t, std::int64_t>& given) {
                const auto [steps, epochs, updates] = given;
                if (steps < 0 || epochs < 0 || updates < 0) {
                    throw py::value_error("counters are not negative");
                }
                ppo.counters() = {steps, epochs, updates};
            },
            "Steps of each environment, epochs and updates of the weights so far.")
        .def("rollout", &rollout,
             "Return views of the rollout, (steps, environments, …), which the next one "
             "overwrites.")
        .def("collect", &collect, py::arg("market"),
             "Play one rollout; return the side that was written last, and (reward, length) of the "
             "episodes that ended, in order.")
        .def("update", &update, py::arg("order") = py::none(),
             "Learn from the rollout; return the losses. `order`, int32 (epochs, frames), replaces "
             "the own shuffle; a position is step · environments + environment.")
        .def("minibatch", &minibatch, py::arg("positions"),
             "Compute the gradient of one minibatch, before clipping; return its losses.");
}

}  // namespace mettle::bindings

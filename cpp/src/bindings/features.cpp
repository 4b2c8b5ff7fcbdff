// The feature engine over NumPy arrays. Arrays are read in place: a wrong type, shape or layout is
// refused, never converted.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <mutex>
#include <span>
#include <type_traits>
#include <utility>

#include "bindings.hpp"
#include "mettle/features/engine.hpp"
#include "result_memory.hpp"

namespace py = pybind11;

namespace mettle::bindings {
namespace {

using features::Engine;
using features::Form;
using features::Grid;
using features::Status;
using SpecRow = std::tuple<std::string, std::vector<int>, bool>;
using Shape = std::span<const py::ssize_t>;
using Rows = std::pair<py::array_t<double>, py::array_t<bool>>;

void refuse(Status status) {
    switch (status) {
        case Status::ok:
            return;
        case Status::unknown_feature:
            throw py::value_error("unknown feature");
        case Status::wrong_parameters:
            throw py::value_error("wrong parameters of a feature");
        case Status::bar_out_of_range:
            throw py::value_error(
                "a bar breaks 1 ≤ low ≤ open, close ≤ high < 2^50 ticks or 0 ≤ volume ≤ 2^62 lots");
        case Status::spent:
            throw py::value_error("the engine met a wrong bar half-way: restore it or build anew");
        case Status::foreign_snapshot:
            throw py::value_error("the snapshot is of other features or instruments");
        case Status::damaged_snapshot:
            throw py::value_error("the snapshot is damaged");
    }
}

// Whether the elements are T: NumPy has one descriptor of each native type, all others are
// compared.
template <class T>
bool holds(const py::array& array) {
    static const PyObject* const native = py::dtype::of<T>().release().ptr();
    return py::detail::array_proxy(array.ptr())->descr == native ||
           py::dtype::of<T>().equal(array.dtype());
}

// One or two lengths, compared here: std::equal would call memcmp for them, six times a bar.
bool same_shape(const py::array& array, const Shape& shape) {
    const py::ssize_t* const lengths = array.shape();
    bool same = array.ndim() == static_cast<py::ssize_t>(shape.size());
    for (std::size_t i = 0; same && i < shape.size(); ++i) same = lengths[i] == shape[i];
    return same;
}

template <class T>
const T* view(py::handle object, const char* name, const Shape& shape) {
    if (!py::isinstance<py::array>(object))
        throw py::type_error(std::string(name) + " is not an array");
    const auto& array = reinterpret_cast<const py::array&>(object);
    if (!holds<T>(array)) throw py::type_error(std::string(name) + " has a wrong dtype");
    if (!same_shape(array, shape)) throw py::value_error(std::string(name) + " has a wrong shape");
    if ((array.flags() & py::array::c_style) == 0)
        throw py::value_error(std::string(name) + " must be C-contiguous");
    return static_cast<const T*>(array.data());
}

std::vector<double> positive(const py::array& array, const char* name) {
    const std::array shape{array.size()};
    const double* const values = view<double>(array, name, shape);
    std::vector<double> copy(values, values + array.size());
    for (const double one : copy)
        if (!(one > 0.0)) throw py::value_error(std::string(name) + " must be positive");
    return copy;
}

std::unique_ptr<Engine> create(const std::vector<SpecRow>& rows, const std::vector<double>& tick,
                               const std::vector<double>& lot, std::int64_t origin,
                               std::int64_t step) {
    std::vector<features::Spec> specs;
    specs.reserve(rows.size());
    for (const auto& [name, parameters, stationary] : rows)
        specs.push_back({name, parameters, stationary ? Form::stationary : Form::raw});
    Status status = Status::ok;
    auto engine = Engine::create(specs, tick, lot, origin, step, status);
    refuse(status);
    return engine;
}

// An array as pybind11 would make it, without the lists that it keeps of shape and strides: a bar
// at a time notices them.
py::array_t<double> empty(py::ssize_t rows, py::ssize_t columns) {
    const auto& numpy = py::detail::npy_api::get();
    const std::array<Py_intptr_t, 2> shape{rows, columns};
    PyObject* const made =
        numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, py::dtype::of<double>().release().ptr(), 2,
                                    shape.data(), nullptr, nullptr, 0, nullptr);
    if (made == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::array_t<double>>(made);
}

// An engine and the lock that keeps two Python threads out of it while the GIL is released.
class FeatureEngine {
  public:
    FeatureEngine(const std::vector<SpecRow>& specs, const py::array& tick, const py::array& lot,
                  std::int64_t origin, std::int64_t step, py::object refused)
        : engine_(
              create(specs, positive(tick, "tick_size"), positive(lot, "lot_size"), origin, step)),
          refused_(std::move(refused)) {
        if (tick.size() == 0 || tick.size() != lot.size())
            throw py::value_error("tick_size and lot_size must be of one length, at least 1");
        row_valid_.resize(engine_->assets());
    }

    int warmup() const { return engine_->warmup(); }

    Rows run(py::handle open, py::handle high, py::handle low, py::handle close, py::handle volume,
             py::handle state, int threads) {
        return answer([&] { return table(Bars{open, high, low, close, volume, state}, threads); },
                      open, high, low, close, volume, state);
    }

    py::array_t<double> update(py::handle open, py::handle high, py::handle low, py::handle close,
                               py::handle volume, py::handle state) {
        return answer([&] { return row(Bars{open, high, low, close, volume, state}); }, open, high,
                      low, close, volume, state);
    }

    py::array_t<bool> valid() {
        const std::scoped_lock lock(mutex_);
        py::array_t<bool> flags(assets());
        std::copy(engine_->valid().begin(), engine_->valid().end(), flags.mutable_data());
        return flags;
    }

    py::bytes snapshot() {
        const std::scoped_lock lock(mutex_);
        const auto bytes = engine_->snapshot();
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    void restore(const py::bytes& state) {
        const std::scoped_lock lock(mutex_);
        const std::string_view bytes = state;
        refuse(engine_->restore(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()));
    }

  private:
    struct Bars {
        py::handle open, high, low, close, volume, state;
    };

    // Returns what the call returns. What it refuses is raised as the caller's own error, made of
    // the reason and the arrays: a wrapper in Python would cost a bar a fifth of its time.
    template <class Call, class... Arrays>
    std::invoke_result_t<Call> answer(const Call& call, const Arrays&... arrays) {
        try {
            return call();
        } catch (const py::builtin_exception& error) {
            if (refused_.is_none()) throw;
            const py::object made = refused_(py::str(error.what()), arrays...);
            PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
            throw py::error_already_set();
        }
    }

    Rows table(const Bars& given, int threads) {
        const auto& state = py::reinterpret_borrow<py::array>(given.state);
        if (!py::isinstance<py::array>(given.state) || state.ndim() != 2)
            throw py::value_error("state must be an array of two dimensions");
        const std::array shape{state.shape(0), assets()};
        const Grid bars = grid(shape, given);
        py::array_t<double> values =
            result_array({shape[0], shape[1], static_cast<py::ssize_t>(engine_->width())});
        py::array_t<bool> valid(shape);
        Status status = Status::ok;
        double* const cells = values.mutable_data();
        auto* const flags = reinterpret_cast<std::uint8_t*>(valid.mutable_data());
        {
            // Safe: the arrays are held by the caller, the results are not yet shared, and the
            // lock keeps the engine to one thread.
            const py::gil_scoped_release release;
            const std::scoped_lock lock(mutex_);
            status = engine_->run(bars, cells, flags, threads);
        }
        refuse(status);
        return {values, valid};
    }

    py::array_t<double> row(const Bars& given) {
        const std::array shape{assets()};
        const Grid bar = grid(shape, given);
        py::array_t<double> values = empty(assets(), static_cast<py::ssize_t>(engine_->width()));
        double* const cells = values.mutable_data();
        Status status = Status::ok;
        // A row is done sooner than another thread could begin: only a lock that is held is worth
        // handing the interpreter on. Nobody waits for the interpreter with the lock in his hands:
        // another may wait for the lock with the interpreter in his.
        if (std::unique_lock lock(mutex_, std::try_to_lock); lock.owns_lock()) {
            status = engine_->run(bar, cells, row_valid_.data(), 1);
        } else {
            const py::gil_scoped_release release;
            const std::scoped_lock wait(mutex_);
            status = engine_->run(bar, cells, row_valid_.data(), 1);
        }
        refuse(status);
        return values;
    }

    py::ssize_t assets() const { return static_cast<py::ssize_t>(engine_->assets()); }

    static Grid grid(const Shape& shape, const Bars& given) {
        return {view<std::int64_t>(given.open, "open", shape),
                view<std::int64_t>(given.high, "high", shape),
                view<std::int64_t>(given.low, "low", shape),
                view<std::int64_t>(given.close, "close", shape),
                view<std::int64_t>(given.volume, "volume", shape),
                view<std::uint8_t>(given.state, "state", shape),
                shape.size() == 2 ? static_cast<std::size_t>(shape[0]) : 1};
    }

    std::unique_ptr<Engine> engine_;
    std::vector<std::uint8_t> row_valid_;  // of the last update, which nobody asks for here
    py::object refused_;
    std::mutex mutex_;
};

}  // namespace

void register_features(py::module_& module) {
    module.def(
        "feature_kernels",
        [] {
            std::vector<std::pair<std::string, int>> names;
            for (const auto& one : features::kernel_names())
                names.emplace_back(one.name, one.parameters);
            return names;
        },
        "Return every feature kernel's name and number of parameters.");
    py::class_<FeatureEngine>(module, "FeatureEngine",
                              "A feature set's kernels and their state over A assets.")
        .def(py::init<const std::vector<SpecRow>&, const py::array&, const py::array&, std::int64_t,
                      std::int64_t, py::object>(),
             py::arg("specs"), py::arg("tick_size"), py::arg("lot_size"), py::arg("origin"),
             py::arg("step"), py::arg("refused") = py::none(),
             "What run and update refuse is raised as ``refused(reason, *bars)``.")
        .def_property_readonly("warmup", &FeatureEngine::warmup)
        .def("run", &FeatureEngine::run, py::arg("open"), py::arg("high"), py::arg("low"),
             py::arg("close"), py::arg("volume"), py::arg("state"), py::arg("threads") = 1,
             "Take T further rows, shape (T, A); return values (T, A, F) and valid (T, A).")
        .def("update", &FeatureEngine::update, py::arg("open"), py::arg("high"), py::arg("low"),
             py::arg("close"), py::arg("volume"), py::arg("state"),
             "Take one further row, shape (A,); return values (A, F).")
        .def_property_readonly("valid", &FeatureEngine::valid)
        .def("snapshot", &FeatureEngine::snapshot)
        .def("restore", &FeatureEngine::restore, py::arg("state"));
}

}  // namespace mettle::bindings

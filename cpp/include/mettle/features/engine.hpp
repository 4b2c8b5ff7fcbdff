// A feature set over A assets: one loop for a whole table and for a bar at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mettle/features/bars.hpp"
#include "mettle/features/cross.hpp"
#include "mettle/features/node.hpp"
#include "mettle/features/registry.hpp"

namespace mettle::features {

struct Spec {
    std::string name;
    std::vector<int> parameters;
    Form form;
};

// T × A bars on one grid, row by row. A state of 0 means that the bar is missing.
struct Grid {
    const std::int64_t* open;
    const std::int64_t* high;
    const std::int64_t* low;
    const std::int64_t* close;
    const std::int64_t* volume;
    const std::uint8_t* state;
    std::size_t rows;
};

enum class Status {
    ok,
    unknown_feature,
    wrong_parameters,
    bar_out_of_range,  // prices need 1 ≤ low ≤ open, close ≤ high < 2^50, volumes 0 to 2^62
    spent,             // an earlier long run failed half-way; restore or build anew
    foreign_snapshot,
    damaged_snapshot,
};

constexpr int kMaxParameter = 5000;
constexpr std::int64_t kMaxTicks = std::int64_t{1} << 50;
constexpr std::int64_t kMaxLots = std::int64_t{1} << 62;

constexpr std::size_t kGroup = 2 * kLanes;  // assets whose rows are written together

struct KernelName {
    const char* name;
    int parameters;
};

// Every kernel's name and its number of parameters, in the registry's order.
std::vector<KernelName> kernel_names();

class Engine {
  public:
    // Build the kernels of `specs`. The first row of the first run opens at `origin`, and each
    // further row `step` later, Unix milliseconds. Null unless `status` is ok.
    static std::unique_ptr<Engine> create(const std::vector<Spec>& specs,
                                          const std::vector<double>& tick,
                                          const std::vector<double>& lot, std::int64_t origin,
                                          std::int64_t step, Status& status,
                                          Level level = Level::best);

    std::size_t width() const { return width_; }
    std::size_t assets() const { return tick_.size(); }
    int warmup() const { return warmup_; }
    // Which assets' last rows are past warm-up and not missing, A flags.
    const std::vector<std::uint8_t>& valid() const { return last_valid_; }

    // Take further rows. Writes rows × A × width values (0 before warm-up; at a missing bar the
    // last row) and rows × A flags. Any split of the rows into runs, and any number of threads,
    // gives the same bits. A run of up to kBlock rows on one thread takes all or nothing.
    Status run(const Grid& grid, double* values, std::uint8_t* valid, int threads);

    std::vector<std::byte> snapshot() const;
    Status restore(const std::byte* bytes, std::size_t size);

  private:
    struct Window {
        std::vector<std::int64_t> columns;  // time, open, high, low, close, volume
        std::size_t end;                    // one past the newest bar
        std::int64_t seen;
    };
    struct Lane;
    struct Placed {
        std::string family;
        Node* node;
        CrossNode* cross;
    };

    Engine() = default;
    Status add(const Spec& spec, std::size_t column, Level level);
    void prepare_windows();
    bool check(const Grid& grid, std::size_t from, std::size_t rows) const;
    bool past_caches(const Grid& grid) const;  // whether its values are too many for them
    bool run_assets(const Grid& grid, double* values, std::uint8_t* valid, std::size_t first,
                    std::size_t last, double* columns);
    void run_group(const Grid& grid, double* values, std::uint8_t* valid, std::size_t from,
                   std::size_t rows, std::size_t asset, std::size_t count, double* columns);
    void open(std::size_t from, std::size_t rows, std::size_t asset, Lane& lane);
    void gather(const Grid& grid, std::size_t from, std::size_t rows, std::size_t asset,
                Lane* lanes, std::size_t count) const;
    void write_present(const Lane* lanes, const Block* blocks, std::size_t rows, std::size_t count,
                       double* first) const;
    std::size_t columns_size() const {
        return std::min(assets(), kGroup) * (width_ + kCarried) * kStride;
    }
    bool run_threads(const Grid& grid, double* values, std::uint8_t* valid, std::size_t workers);
    void run_cross(const Grid& grid, double* values, std::uint8_t* valid);
    void finish(const Grid& grid, double* values, std::uint8_t* valid, std::size_t from,
                std::size_t rows, std::size_t asset, bool whole);
    std::vector<std::byte> header() const;
    std::size_t body_bytes() const;

    std::size_t width_ = 0;
    std::size_t depth_ = 0;
    int warmup_ = 0;
    std::int64_t next_time_ = 0;
    std::int64_t step_ = 0;
    bool spent_ = false;
    std::vector<double> tick_;
    std::vector<double> lot_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::vector<Node*> leaders_;  // those that run, and run the others
    std::vector<std::unique_ptr<CrossNode>> crosses_;
    std::vector<Placed> placed_;
    std::vector<Window> windows_;
    std::vector<double> columns_;         // of a block of kGroup assets, for who runs the engine
    std::vector<std::int64_t> finished_;  // bars of each asset that already have their row
    std::vector<double> last_row_;        // A × width
    std::vector<std::uint8_t> last_valid_;
    std::string identity_;  // specs, ticks, lots, step: what a snapshot must match
};

}  // namespace mettle::features

// What a batch of environments plays: the owner of everything that a World points to.
#pragma once

#include <memory>
#include <vector>

#include "environment.hpp"
#include "table.hpp"

namespace mettle::market {

struct BatchShape {
    Int environments;
    Int first_environment;  // index of the first one in the whole population, for splits
    std::uint64_t seed;
    Int episode_length;  // 0: to the end of the block
    Int window;
    Mode mode;
    int threads;
};

class BatchSetup {
public:
    // The caller has checked the settings, and that the spans hold a start and lie in the table with
    // a window before and a bar after each start.
    BatchSetup(std::shared_ptr<const Table> table, const Settings& settings, const BatchShape& shape,
               std::vector<Span> spans);
    BatchSetup(BatchSetup&&) = default;  // the arrays stay where they are
    BatchSetup(const BatchSetup&) = delete;
    BatchSetup& operator=(const BatchSetup&) = delete;
    BatchSetup& operator=(BatchSetup&&) = delete;
    ~BatchSetup() = default;

    const World& world() const { return world_; }
    const Table& table() const { return *table_; }
    const BatchShape& shape() const { return shape_; }
    const Lines<Wait>& waits() const { return waits_; }  // empty: takers only
    const std::vector<Span>& spans() const { return spans_; }
    const std::vector<Int>& starts_before() const { return starts_before_; }
    // Of data, settings, spans and shape, but not of the seed.
    std::uint64_t fingerprint() const { return fingerprint_; }

private:
    std::uint64_t found_fingerprint() const;

    std::shared_ptr<const Table> table_;
    BatchShape shape_;
    std::vector<Span> spans_;
    std::vector<Int> starts_before_;
    Lines<Wait> waits_;
    World world_;
    std::uint64_t fingerprint_;
};

}  // namespace mettle::market

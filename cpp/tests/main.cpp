#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstddef>
#include <iterator>
#include <ostream>
#include <string>

#include "levels.hpp"

namespace {

// Says at the end how much was checked on each set of instructions: a level that the processor
// lacks must not look like one that passed.
class LevelTally final : public doctest::IReporter {
public:
    explicit LevelTally(const doctest::ContextOptions& options) : options_(options) {}

    void test_case_start(const doctest::TestCaseData& test) override {
        const std::string name = test.m_name;
        level_ = kNone;
        for (std::size_t k = 0; k < kNone; ++k) {
            const std::string end = std::string("<") + mettle::test::kLevelNames[k] + ">";
            if (name.ends_with(end)) level_ = k;
        }
    }
    void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
        if (level_ == kNone || stats.numAssertsCurrentTest == 0) return;
        tests_[level_] += 1;
        checks_[level_] += stats.numAssertsCurrentTest;
    }
    void test_run_end(const doctest::TestRunStats& /*run*/) override {
        for (std::size_t k = 0; k < kNone; ++k) {
            *options_.cout << "level " << mettle::test::kLevelNames[k] << ": ";
            if (tests_[k] == 0) {
                *options_.cout << "not run\n";
            } else {
                *options_.cout << tests_[k] << " tests, " << checks_[k] << " checks\n";
            }
        }
    }

    void report_query(const doctest::QueryData& /*query*/) override {}
    void test_run_start() override {}
    void test_case_reenter(const doctest::TestCaseData& /*test*/) override {}
    void test_case_exception(const doctest::TestCaseException& /*exception*/) override {}
    void subcase_start(const doctest::SubcaseSignature& /*subcase*/) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData& /*assertion*/) override {}
    void log_message(const doctest::MessageData& /*message*/) override {}
    void test_case_skipped(const doctest::TestCaseData& /*test*/) override {}

private:
    static constexpr std::size_t kNone = std::size(mettle::test::kLevelNames);

    const doctest::ContextOptions& options_;
    std::size_t level_ = kNone;  // of the test that runs
    int tests_[kNone] = {};
    long checks_[kNone] = {};
};

}  // namespace

REGISTER_LISTENER("levels", 1, LevelTally);

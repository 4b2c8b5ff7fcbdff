// A persistent pool that splits a range into chunks; the caller works along.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace mettle::market {

class ThreadPool {
public:
    // `threads` counts the caller; 1 starts no thread.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    // Call body(begin, end) for every chunk of [0, count), from any thread and in any order; return
    // when all are done. A thread that wakes too late to help is not waited for: where a network
    // thinks between two short runs, waking takes longer than the work. Not to be called from two
    // threads at once.
    template <class Body>
    void run(std::int64_t count, std::int64_t chunk, Body& body) {
        launch({[](void* self, std::int64_t begin, std::int64_t end) {
                    (*static_cast<Body*>(self))(begin, end);
                },
                &body, count, chunk});
    }

private:
    struct Job {
        void (*call)(void*, std::int64_t, std::int64_t);
        void* body;
        std::int64_t count;
        std::int64_t chunk;
    };

    void launch(Job job);
    void work();
    bool enter();
    void serve();

    Job job_{};
    std::atomic<std::int64_t> next_{0};
    std::atomic<std::uint32_t> door_{0};  // how many workers are at the job, and whether more may come
    std::atomic<std::uint32_t> generation_{0};
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> workers_;
};

}  // namespace mettle::market

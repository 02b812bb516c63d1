// The guide's threads: a server on two loops, state that they share, work that blocks, and values that come
// from threads which are none of sluice's.
#include <sluice/sluice.h>

#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "notes.sluice.h"

using namespace std::chrono_literals;

namespace {

// [shared]
// Handlers of one loop run one after the other, those of two loops at the same time: hence the mutex. It is
// held for a moment, and never over a co_await.
class Store {
 public:
  notes::Note add(notes::Note note) {
    const std::lock_guard lock(mutex_);
    note.set_id(static_cast<std::int64_t>(notes_.size()) + 1);
    return notes_[note.id()] = note;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return notes_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::int64_t, notes::Note> notes_;
};
// [/shared]

// What one thread tells all who watch. A closed queue ends its watcher.
class News {
 public:
  using Queue = sluice::Queue<notes::Note>;
  void add(Queue& queue) {
    const std::lock_guard lock(mutex_);
    queues_.insert(&queue);
  }
  void remove(Queue& queue) {
    const std::lock_guard lock(mutex_);
    queues_.erase(&queue);
  }
  // [tell]
  // Any thread.
  void tell(const notes::Note& note) {
    const std::lock_guard lock(mutex_);
    for (Queue* queue : queues_) {
      if (!queue->try_push(note)) queue->close();
    }
  }
  // [/tell]

 private:
  std::mutex mutex_;
  std::set<Queue*> queues_;
};

// A place in the list as long as it lives.
class Watcher {
 public:
  explicit Watcher(News& news) : news_(news) { news_.add(queue); }
  ~Watcher() { news_.remove(queue); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  News::Queue queue{100};

 private:
  News& news_;
};

// Stands for what computes, or reads a file over a slow network.
notes::Note slow_look_up(std::int64_t id) {
  notes::Note note;
  note.set_id(id);
  note.set_text("note " + std::to_string(id));
  return note;
}

class Notebook final : public notes::Notes::Service {
 public:
  Notebook(sluice::Runtime& runtime, Store& store, News& news)
      : runtime_(runtime), store_(store), news_(news) {}

 private:
  sluice::Task<sluice::Result<notes::Note>> Add(sluice::ServerContext&, const notes::Note& request) override {
    co_return store_.add(request);
  }

  // [blocking]
  sluice::Task<sluice::Result<notes::Note>> Get(sluice::ServerContext&,
                                                const notes::GetRequest& request) override {
    co_return co_await runtime_.run_blocking([&request] { return slow_look_up(request.id()); });
  }
  // [/blocking]

  // [watch]
  sluice::Task<sluice::Status> Watch(sluice::ServerContext& context, const notes::WatchRequest&,
                                     sluice::ServerWriter<notes::Note>& writer) override {
    Watcher me(news_);
    if (sluice::Status s = writer.send_header(); !s.ok()) co_return s;
    for (;;) {
      auto next = co_await sluice::when_any(me.queue.pop(context.context()), context.draining().done());
      if (next.index() == 1) co_return sluice::Status();
      const sluice::Result<notes::Note>& note = std::get<0>(next);
      if (!note.ok()) co_return note.status();
      if (sluice::Status s = co_await writer.write(*note); !s.ok()) co_return s;
    }
  }
  // [/watch]

  sluice::Runtime& runtime_;
  Store& store_;
  News& news_;
};

// Any thread may block in get(), several at once on one stub.
void call_from_threads(const notes::Notes::Stub& stub) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&stub] {
      notes::Note note;
      note.set_text("from a thread");
      for (int k = 0; k < 25; ++k) {
        if (!stub.Add(note, {.timeout = 10s}).get().ok()) std::printf("a call failed\n");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void news_from_a_thread(const notes::Notes::Stub& stub, News& news) {
  auto stream = stub.Watch(notes::WatchRequest(), {.timeout = 10s});
  sluice::Status joined = stream.wait_header().get();
  std::thread producer([&news] {
    for (int i = 1; i <= 3; ++i) news.tell(slow_look_up(i));
  });
  for (int i = 0; i < 3 && joined.ok(); ++i) {
    if (auto note = stream.read().get()) std::printf("news: %s\n", note->text().c_str());
  }
  producer.join();
  stream.cancel();
  std::printf("%s\n", stream.finish().get().to_string().c_str());
}

// [work]
// A thread that waits for coroutines: run() a coroutine of its own.
sluice::Task<int> sum(sluice::Queue<int>& numbers) {
  int sum = 0;
  for (;;) {
    const sluice::Result<int> number = co_await numbers.pop();
    if (!number.ok()) co_return sum;  // closed, and empty
    sum += *number;
  }
}

void add_up(sluice::Runtime& runtime) {
  sluice::Queue<int> numbers(1000);
  std::thread producer([&numbers] {
    for (int i = 1; i <= 100; ++i) {
      if (!numbers.try_push(i)) break;  // full: a thread cannot wait for room
    }
    numbers.close();
  });
  std::printf("sum %d\n", runtime.run(sum(numbers)));
  producer.join();
}
// [/work]

}  // namespace

int main() {
  Store store;
  News news;
  // [runtime]
  sluice::Runtime runtime({.threads = 2});
  Notebook notebook(runtime, store, news);
  sluice::Server server(runtime);
  // [/runtime]
  sluice::Status status = server.register_service(notebook);
  if (status.ok()) status = server.serve(runtime.listen("pipe:notes").value());
  const notes::Notes::Stub stub(sluice::dial(runtime, "pipe:notes").value());
  if (!status.ok()) return 1;

  call_from_threads(stub);
  std::printf("%zu notes\n", store.size());
  notes::GetRequest request;
  request.set_id(7);
  std::printf("%s\n", stub.Get(request, {.timeout = 10s}).get().value().text().c_str());
  news_from_a_thread(stub, news);
  add_up(runtime);
  return 0;
}

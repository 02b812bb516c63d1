// The contract of Conn, continued: half-close, close, and a peer that does either.
#pragma once

#include "support/conn_suite.h"

namespace sluice::support {

inline Task<void> half_close_then_read(net::Conn& conn) {
  co_await write_text(conn, "question");
  conn.close_write();
  co_await expect_text(conn, "answer");
  co_await expect_read(conn, "<eof>");
}
inline Task<void> read_to_eof_then_answer(net::Conn& conn) {
  co_await expect_text(conn, "question");
  co_await expect_read(conn, "<eof>");
  co_await expect_read(conn, "<eof>");
  co_await write_text(conn, "answer");
  conn.close_write();
}

TEST_P(ConnSuite, EndsOneDirectionAndKeepsTheOther) {
  run(half_close_then_read(a()), read_to_eof_then_answer(b()));
}

inline Task<void> write_behind_half_close(net::Conn& conn) {
  conn.close_write();
  conn.close_write();
  const Status status = co_await conn.write(Chain::copy("late"));
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << status;
}

TEST_P(ConnSuite, RefusesWritesAfterItsHalfClose) {
  run(write_behind_half_close(a()), expect_read(b(), "<eof>"));
}

inline Task<void> write_and_close(net::Conn& conn) {
  co_await write_text(conn, "the last words");
  conn.close();
}
inline Task<void> read_last_words(net::Conn& conn) {
  co_await expect_text(conn, "the last words");
  co_await expect_read(conn, "<eof>");
}

TEST_P(ConnSuite, BringsWhatWasSentBeforeThePeerClosedAndThenEof) {
  run(write_and_close(a()), read_last_words(b()));
}

inline Task<void> write_and_close_unread(net::Conn& conn, Gate& sent) {
  co_await sent;
  co_await write_text(conn, "the last words");
  conn.close();
}
inline Task<void> write_then_read_last_words(net::Conn& conn, Gate& sent) {
  co_await write_text(conn, "nobody reads this");
  sent.open();
  co_await read_last_words(conn);
}

TEST_P(ConnSuite, BringsTheLastWordsOfAPeerThatReadNothing) {
  Gate sent(loop_b());
  run(write_then_read_last_words(a(), sent), write_and_close_unread(b(), sent));
}

inline Task<void> close_while_reading(net::Conn& conn) {
  HeldRead read;
  read.started(conn.start_read(read));
  EXPECT_FALSE(read.ended());
  conn.close();
  conn.close();
  co_await read;
  EXPECT_EQ(read.status, Status(StatusCode::kCancelled, "conn closed"));
}

TEST_P(ConnSuite, EndsAReadWhenItCloses) { run(close_while_reading(a()), expect_read(b(), "<eof>")); }

inline Task<void> close_while_writing(net::Conn& conn, std::size_t too_much, Gate& closed) {
  HeldWrite write;
  write.data = zeros(too_much);
  write.started(conn.start_write(write));
  for (int i = 0; i < 3; ++i) co_await yield();
  EXPECT_FALSE(write.ended());
  conn.close();
  co_await write;
  EXPECT_EQ(write.status, Status(StatusCode::kCancelled, "conn closed"));
  closed.open();
}
inline Task<void> count_to_eof(net::Conn& conn, std::size_t less_than, Gate& begin) {
  co_await begin;
  for (std::size_t n = 0;;) {
    Result<net::ReadResult> read = co_await conn.read();
    if (!read.ok() || read->eof) co_return;
    n += read->data.size();
    EXPECT_LT(n, less_than);
  }
}

TEST_P(ConnSuite, EndsAWriteWhenItCloses) {
  Gate closed(loop_b());
  run(close_while_writing(a(), kind().too_much, closed), count_to_eof(b(), kind().too_much, closed));
}

inline Task<void> use_after_close(net::Conn& conn) {
  conn.close();
  co_await expect_read(conn, "CANCELLED: conn closed");
  const Status status = co_await conn.write(Chain::copy("late"));
  EXPECT_EQ(status, Status(StatusCode::kCancelled, "conn closed"));
  conn.close_write();
}

TEST_P(ConnSuite, RefusesEverythingAfterItClosed) { run(use_after_close(a()), expect_read(b(), "<eof>")); }

inline Task<void> write_until_refused(net::Conn& conn) {
  co_await expect_read(conn, "<eof>");
  Status status;
  while (status.ok()) {
    status = co_await conn.write(Chain::copy("is anybody there"));
    co_await yield();
  }
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
}
inline Task<void> close_now(net::Conn& conn) {
  conn.close();
  co_return;
}

TEST_P(ConnSuite, RefusesWritesToAPeerThatClosed) { run(write_until_refused(a()), close_now(b())); }

inline Task<void> expect_write_fails(net::Conn& conn, std::size_t n, Gate& waits, StatusCode code) {
  HeldWrite write;
  write.data = zeros(n);
  write.started(conn.start_write(write));
  EXPECT_FALSE(write.ended());
  waits.open();
  co_await write;
  EXPECT_EQ(write.status.code(), code) << write.status;
  EXPECT_TRUE(write.data.empty());
  EXPECT_FALSE(write.none_accepted);
}
inline Task<void> close_at(net::Conn& conn, Gate& gate) {
  co_await gate;
  conn.close();
}

TEST_P(ConnSuite, EndsAWaitingWriteWhenThePeerCloses) {
  Gate waits(loop_b());
  run(expect_write_fails(a(), kind().too_much, waits, StatusCode::kUnavailable), close_at(b(), waits));
}

// Its bytes may go as soon as it is over, sent or not.
inline Task<void> write_until_deadline(net::Conn& conn, std::size_t too_much, Gate& over) {
  HeldWrite write;
  write.data = zeros(too_much);
  write.deadline = conn.loop().now() + std::chrono::milliseconds(2);
  write.started(conn.start_write(write));
  EXPECT_FALSE(write.ended());
  co_await write;
  EXPECT_EQ(write.status.code(), StatusCode::kDeadlineExceeded) << write.status;
  EXPECT_TRUE(write.data.empty()) << "what was not sent is dropped";
  conn.close();
  over.open();
}

TEST_P(ConnSuite, DropsWhatAWriteHasNotSentByItsDeadline) {
  Gate over(loop_b());
  run(write_until_deadline(a(), kind().too_much, over), close_at(b(), over));
}

inline Task<void> read_and_destroy(std::unique_ptr<net::Conn>& conn, std::string want) {
  co_await expect_text(*conn, want);
  conn->close();
  conn.reset();
}

TEST_P(ConnSuite, MayBeDestroyedWhileThePeerGoesOn) {
  for (int i = 0; i < 20; ++i) {
    std::unique_ptr<net::Conn> left, right;
    run(dial_into(left), accept_into(right));
    run(write_and_close(*left), read_and_destroy(right, "the last words"));
    run(use_after_close(*left));
  }
}

}  // namespace sluice::support

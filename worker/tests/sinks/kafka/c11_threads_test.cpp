// librdkafka's threads, also where worker/sanitizers/c11_threads.cpp takes the place of glibc's.
#include <gtest/gtest.h>
#include <threads.h>

TEST(C11Threads, RunAndAreJoined) {
    int seen = 0;
    thrd_t thread;
    const auto work = [](void* argument) {
        *static_cast<int*>(argument) = 7;
        return 42;
    };
    ASSERT_EQ(thrd_create(&thread, work, &seen), thrd_success);
    int result = 0;
    ASSERT_EQ(thrd_join(thread, &result), thrd_success);
    EXPECT_EQ(seen, 7);
    EXPECT_EQ(result, 42);
}

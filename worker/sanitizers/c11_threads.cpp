// Linked into the worker and the Kafka sink's tests under ThreadSanitizer only (worker/CMakeLists.txt):
// librdkafka's threads, locks and conditions are C11's (<threads.h>), which gcc 12's sanitizer does not know:
// it crashes in such a thread's first malloc, and takes what librdkafka's locks order for a race. These take
// the place of glibc's, and do what glibc's do, by the pthread calls that the sanitizer does know (in glibc
// the types are the same bytes).
#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <cstdint>
#include <memory>

namespace {

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t) && sizeof(cnd_t) == sizeof(pthread_cond_t));

struct Start {
    thrd_start_t function;
    void* argument;
};

void* run(void* opaque) {
    const std::unique_ptr<Start> start(static_cast<Start*>(opaque));
    return reinterpret_cast<void*>(static_cast<std::intptr_t>(start->function(start->argument)));
}

int outcome(int error) {
    if (error == 0) return thrd_success;
    if (error == ETIMEDOUT) return thrd_timedout;
    return error == EBUSY ? thrd_busy : thrd_error;
}

pthread_mutex_t* posix(mtx_t* mutex) {
    return reinterpret_cast<pthread_mutex_t*>(mutex);
}
pthread_cond_t* posix(cnd_t* condition) {
    return reinterpret_cast<pthread_cond_t*>(condition);
}

}  // namespace

extern "C" {

// What librdkafka frees when a count of users is zero, an atomic in code that is not instrumented: a topic,
// and the buffer of a message that has been read (read_topic: of the tests' reader).
const char* __tsan_default_suppressions() {
    return "race_top:pthread_rwlock_destroy\n"
           "race:read_topic\n"
           "race:cdc::kafka::CheckpointTopic::read_window\n";
}

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
    auto start = std::make_unique<Start>(Start{function, argument});
    if (pthread_create(thread, nullptr, run, start.get()) != 0) return thrd_error;
    [[maybe_unused]] Start* const taken = start.release();  // the thread's now
    return thrd_success;
}

int thrd_join(thrd_t thread, int* result) {
    void* value = nullptr;
    if (pthread_join(thread, &value) != 0) return thrd_error;
    if (result != nullptr) *result = static_cast<int>(reinterpret_cast<std::intptr_t>(value));
    return thrd_success;
}

int thrd_detach(thrd_t thread) {
    return outcome(pthread_detach(thread));
}

int mtx_init(mtx_t* mutex, int type) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if ((type & mtx_recursive) != 0) pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    const int error = pthread_mutex_init(posix(mutex), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return outcome(error);
}
int mtx_lock(mtx_t* mutex) {
    return outcome(pthread_mutex_lock(posix(mutex)));
}
int mtx_trylock(mtx_t* mutex) {
    return outcome(pthread_mutex_trylock(posix(mutex)));
}
int mtx_unlock(mtx_t* mutex) {
    return outcome(pthread_mutex_unlock(posix(mutex)));
}
void mtx_destroy(mtx_t* mutex) {
    pthread_mutex_destroy(posix(mutex));
}

int cnd_init(cnd_t* condition) {
    return outcome(pthread_cond_init(posix(condition), nullptr));
}
int cnd_signal(cnd_t* condition) {
    return outcome(pthread_cond_signal(posix(condition)));
}
int cnd_broadcast(cnd_t* condition) {
    return outcome(pthread_cond_broadcast(posix(condition)));
}
int cnd_wait(cnd_t* condition, mtx_t* mutex) {
    return outcome(pthread_cond_wait(posix(condition), posix(mutex)));
}
int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
    return outcome(pthread_cond_timedwait(posix(condition), posix(mutex), until));
}
void cnd_destroy(cnd_t* condition) {
    pthread_cond_destroy(posix(condition));
}

}  // extern "C"

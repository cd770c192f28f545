/* Events by C: one send() for each, or chunks of 64 KiB of them.
 *
 *     native <port> <mode> <shape> <count>
 *
 * The mode is "notify", "notify nagle" or "notify alike"; the shape is "one". */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES 65536

static const char message[] =
    "{\"id\":null,\"jsonrpc\":\"2.0\",\"method\":\"E_PIKE_BLOCKED\","
    "\"params\":{\"ip\":\"192.168.2.11\"}}";
static const size_t length = sizeof message - 1;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void send_all(int fd, const char *bytes, size_t left) {
  while (left > 0) {
    ssize_t sent = send(fd, bytes, left, 0);
    if (sent < 0) fail("send");
    bytes += sent;
    left -= (size_t)sent;
  }
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The processor time so far, in microseconds: user and system. */
static long long cpu_micros(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL +
         usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* The largest resident memory in KiB, or 0 where /proc does not tell. What
 * getrusage() tells includes the process that started this one. */
static long peak_kib(void) {
  long kib = 0;
  char line[256];
  FILE *status = fopen("/proc/self/status", "r");
  if (status == NULL) return 0;
  while (fgets(line, sizeof line, status) != NULL) {
    if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
  }
  fclose(status);
  return kib;
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  const char *mode = argv[2];
  long count = atol(argv[4]);
  struct sockaddr_in address = {
      .sin_family = AF_INET,
      .sin_port = htons((unsigned short)atoi(argv[1])),
      .sin_addr = {htonl(INADDR_LOOPBACK)},
  };
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
  int no_delay = strcmp(mode, "notify nagle") != 0;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);

  static char chunk[CHUNK_BYTES];
  long per_chunk = CHUNK_BYTES / (long)length;
  for (long i = 0; i < per_chunk; i++) {
    memcpy(chunk + (size_t)i * length, message, length);
  }

  double start = now();
  long long cpu = cpu_micros();
  if (strcmp(mode, "notify alike") == 0) {
    for (long left = count; left > 0; left -= per_chunk) {
      long messages = left < per_chunk ? left : per_chunk;
      send_all(fd, chunk, (size_t)messages * length);
    }
  } else {
    for (long i = 0; i < count; i++) {
      char event[256]; /* built anew each time, as an application would */
      int size = snprintf(event, sizeof event,
                          "{\"id\":null,\"jsonrpc\":\"2.0\",\"method\":\"%s\","
                          "\"params\":{\"ip\":\"192.168.%ld.%ld\"}}",
                          "E_PIKE_BLOCKED", i >> 8 & 15, i & 255);
      send_all(fd, event, (size_t)size);
    }
  }
  shutdown(fd, SHUT_WR);
  char rest[1024]; /* the server ends the connection when it has read all */
  while (read(fd, rest, sizeof rest) > 0) {
  }
  double seconds = now() - start;
  cpu = cpu_micros() - cpu;

  printf("{\"seconds\":%.9f,\"cpuMicros\":%lld,\"sent\":%ld,"
         "\"delivered\":%ld,\"refused\":0,\"late\":0,\"failed\":0",
         seconds, cpu, count, count);
  long peak = peak_kib();
  if (peak > 0) printf(",\"peakBytes\":%ld", peak * 1024);
  printf("}\n");
  return 0;
}

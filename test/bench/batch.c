// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The limit that reading a map is measured against: a C program that does nothing but BPF_MAP_LOOKUP_BATCH through libbpf into memory
 * that it keeps. Usage: batch MAP-ID ROUNDS BATCH; prints the number of entries and one line of nanoseconds per round.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int fd = bpf_map_get_fd_by_id(atoi(argv[1]));
  int rounds = atoi(argv[2]);
  unsigned batch = atoi(argv[3]);
  struct bpf_map_info info = {};
  unsigned size = sizeof(info);
  int cpus = libbpf_num_possible_cpus();
  if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) || cpus < 1) return 1;
  int per_cpu = info.type == BPF_MAP_TYPE_PERCPU_HASH || info.type == BPF_MAP_TYPE_PERCPU_ARRAY;
  size_t value = per_cpu ? ((info.value_size + 7) / 8 * 8) * (size_t)cpus : info.value_size;
  char *keys = malloc((size_t)info.max_entries * info.key_size);
  char *values = malloc((size_t)info.max_entries * value);
  char cursor[2][256];
  if (!keys || !values) return 1;
  for (int round = 0; round < rounds; round++) {
    unsigned total = 0;
    long long start = now();
    for (int at = 0;; at ^= 1) {
      unsigned count = batch < info.max_entries - total ? batch : info.max_entries - total;
      int result = count == 0 ? -ENOENT
                              : bpf_map_lookup_batch(fd, total ? cursor[at ^ 1] : NULL, cursor[at],
                                                     keys + (size_t)total * info.key_size, values + (size_t)total * value, &count, NULL);
      if (result && result != -ENOENT) return 1;
      if (count) total += result == -ENOENT && total == info.max_entries ? 0 : count;
      if (result) break;
    }
    printf("%u %lld\n", total, now() - start);
  }
  return 0;
}

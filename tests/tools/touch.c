/* The plain loop that the memory probe is measured against: copies each page in the order given, and compares the
 * copy with what was written. Arguments: pages, rounds. Prints the CPU seconds of each round, and the pages that differ. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { PAGE = 4096, WORDS = PAGE / 8, PATTERNS = 1024 };

static uint64_t random_word(void) {
  static uint64_t state = 88172645463325252ull; /* xorshift64 (Marsaglia 2003) */
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
  return at.tv_sec + 1e-9 * at.tv_nsec;
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  size_t pages = strtoul(arguments[1], NULL, 10), rounds = strtoul(arguments[2], NULL, 10);
  char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *patterns = malloc(PATTERNS * PAGE), copy[PAGE];
  size_t *order = malloc(pages * sizeof *order), wrong = 0;
  if (memory == MAP_FAILED || !patterns || !order) return 1;
  madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
  for (size_t word = 0; word < PATTERNS * WORDS; word++) ((uint64_t *)patterns)[word] = random_word();
  for (size_t page = 0; page < pages; page++) {
    memcpy(memory + page * PAGE, patterns + page % PATTERNS * PAGE, PAGE);
    order[page] = page;
  }
  for (size_t round = 0; round < rounds; round++) {
    for (size_t left = pages; left > 1; left--) { /* Fisher and Yates */
      size_t other = random_word() % left, moved = order[left - 1];
      order[left - 1] = order[other], order[other] = moved;
    }
    double began = now();
    for (size_t place = 0; place < pages; place++) {
      memcpy(copy, memory + order[place] * PAGE, PAGE);
      wrong += memcmp(copy, patterns + order[place] % PATTERNS * PAGE, PAGE) != 0;
    }
    printf("%.9f\n", now() - began);
  }
  printf("%zu\n", wrong);
  return wrong != 0;
}
